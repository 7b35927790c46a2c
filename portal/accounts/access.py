"""Builds a person's `Access` from Memberships."""

from collections import defaultdict

from django.contrib.auth.models import AnonymousUser

from portal.accounts.models import Membership, User
from portal.core.access import NO_ACCESS, ROLES, Access
from portal.tenants.models import Tenant


def access_for(user: User | AnonymousUser | None, *, within: Tenant | None = None) -> Access:
    """What `user` may do; `within` narrows it to one Tenant's subtree (the tenant switcher).

    Two queries: the Memberships, and the subtrees of those that are not held at the root.
    """
    if user is None or not user.is_authenticated or not user.is_active:
        return NO_ACCESS
    everywhere: frozenset[str] = frozenset()
    reach: list[tuple[str, frozenset[str]]] = []
    for membership in Membership.objects.filter(user=user).select_related("tenant"):
        granted = ROLES[membership.role]
        if membership.tenant.parent_id is None:
            everywhere |= granted
        else:
            reach.append((membership.tenant.path, granted))
    if within is not None and everywhere:
        reach.append((within.path, everywhere))
        everywhere = frozenset()
    if not reach:
        return Access(user.pk, {}, everywhere)

    grants: dict[int, frozenset[str]] = defaultdict(frozenset)
    for tenant_id, path in _tenants_below([path for path, _ in reach]):
        if within is not None and not path.startswith(within.path):
            continue
        for root, granted in reach:
            if path.startswith(root):
                grants[tenant_id] |= granted
    return Access(user.pk, dict(grants), everywhere)


def _tenants_below(roots: list[str]) -> list[tuple[int, str]]:
    found: set[tuple[int, str]] = set()
    for root in set(roots):
        found.update(Tenant.objects.filter(path__startswith=root).values_list("pk", "path"))
    return sorted(found)
