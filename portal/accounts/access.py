"""Builds a person's `Access` from Memberships."""

from typing import Final, NamedTuple

import msgspec
from django.contrib.auth.models import AnonymousUser
from django.db import connection

from portal.accounts.models import User, known_permissions
from portal.core.access import NO_ACCESS, PERMISSIONS, ROLES, Access
from portal.core.tenant_sets import EVERYTHING, AllBut, TenantSet, union
from portal.tenants.models import Tenant

FEW: Final = 100
"""From so many Tenants on, a grant at the root with exclusions is told by what it leaves out."""

_BELOW: Final = {
    "sqlite": "{path} >= {top} AND {path} < (substr({top}, 1, length({top}) - 1) || '0')",
    "postgresql": "{path} ~>=~ {top} AND {path} ~<~ (left({top}, -1) || '0')",
}
"""Paths at or below `top`, by the index on paths: they end in `/`, and the character after it is 0."""

_IDS: Final = {"sqlite": "group_concat({id})", "postgresql": "string_agg({id}::text, ',')"}

_EXCLUSIONS: Final = """
    SELECT 1 FROM accounts_exclusion exclusion JOIN tenants_tenant gone ON gone.id = exclusion.tenant_id
    WHERE exclusion.membership_id = membership.id
"""

_QUERY: Final = """
    SELECT membership.role, custom.permissions, held.id, held.name,
        NOT {by_name} AND held.parent_id IS NULL AND NOT EXISTS ({exclusions}),
        CASE WHEN {by_name} OR held.parent_id IS NOT NULL THEN (
            SELECT {ids} FROM tenants_tenant one
            WHERE {reached} {within} AND {state} AND NOT EXISTS ({exclusions} AND {excluded})
        ) WHEN EXISTS ({exclusions}) THEN (
            SELECT {ids} FROM (
                SELECT one.id FROM tenants_tenant one
                WHERE {state} AND NOT EXISTS ({exclusions} AND {excluded}) LIMIT {few}
            ) one
        ) END,
        CASE WHEN NOT {by_name} AND held.parent_id IS NULL AND EXISTS ({exclusions}) THEN (
            SELECT {ids} FROM (
                SELECT one.id FROM accounts_exclusion exclusion
                JOIN tenants_tenant gone ON gone.id = exclusion.tenant_id
                JOIN tenants_tenant one ON {excluded}
                WHERE exclusion.membership_id = membership.id
                UNION SELECT one.id FROM tenants_tenant one WHERE NOT ({state})
            ) one
        ) END,
        (SELECT max(id) FROM tenants_tenant)
    FROM accounts_membership membership
    JOIN tenants_tenant held ON held.id = membership.tenant_id
    LEFT JOIN accounts_customrole custom ON custom.id = membership.custom_role_id
    WHERE membership.user_id = %s AND NOT held.is_suspended AND NOT held.is_trashed
"""
"""Per Membership: its role, where it is held, whether it reaches everything; the ids of what it reaches
(`few` of them where it is held at the root), and of what it leaves out of everything; the largest id.

Those in suspended and trashed Tenants count for nothing, and nobody reaches a trashed Tenant. One
statement whoever asks, so that a scope costs no query.
"""


class _Held(NamedTuple):
    """A row of the statement."""

    role: str
    permissions: str | None
    tenant_id: int
    tenant_name: str
    is_whole: bool
    reached: str | None
    left_out: str | None
    newest: int

    def granted(self) -> frozenset[str]:
        if self.role:
            return ROLES[self.role]
        return known_permissions(msgspec.json.decode(self.permissions or "[]"))

    def tenants(self) -> TenantSet:
        if self.is_whole:
            return EVERYTHING
        reached = _ids(self.reached)
        if self.left_out is not None and len(reached) >= FEW:
            return AllBut(_ids(self.left_out), self.newest)
        return reached


def access_for(user: User | AnonymousUser | None, *, within: Tenant | None = None) -> Access:
    """What `user` may do; `within` narrows it to one Tenant's subtree (the tenant switcher). One query."""
    if user is None or not user.is_authenticated or not user.is_active:
        return NO_ACCESS
    narrow = within is not None and within.parent_id is not None
    return _access(user.pk, _memberships(user.pk, f"{within.path}%" if within and narrow else ""))


def reach_of(tenant: Tenant) -> TenantSet:
    """What a role held in a Tenant reaches, without exclusions. One query, and none for the root."""
    if tenant.parent_id is None:
        return EVERYTHING
    return frozenset(tenant.subtree().filter(is_trashed=False).values_list("pk", flat=True))


def access_to_trash(user_id: int | None) -> Access:
    """What a person would hold in the Tenants that lie in the trash, were they restored; nothing else."""
    return _access(user_id, _memberships(user_id, state="one.is_trashed"))


def _memberships(user_id: int | None, within: str = "", state: str = "NOT one.is_trashed") -> list[_Held]:
    below = _BELOW[connection.vendor]
    is_open = state.startswith("NOT")
    query = _QUERY.format(
        ids=_IDS[connection.vendor].format(id="one.id"),
        reached=below.format(path="one.path", top="held.path"),
        excluded=below.format(path="one.path", top="gone.path"),
        exclusions=_EXCLUSIONS,
        by_name="(1 = 0)" if is_open and not within else "(1 = 1)",
        within="AND one.path LIKE %s" if within else "",
        state=state,
        few=FEW,
    )
    with connection.cursor() as cursor:
        cursor.execute(query, [within, user_id] if within else [user_id])
        return [_Held(*row) for row in cursor.fetchall()]


def _ids(text: str | None) -> frozenset[int]:
    return frozenset(map(int, text.split(","))) if text else frozenset()


def _access(user_id: int | None, held: list[_Held]) -> Access:
    """What several roles grant, added up. Permissions of the same roles share one set."""
    parts = [(one.granted(), one.tenants()) for one in held]
    sums: dict[tuple[int, ...], TenantSet] = {}
    tenants: dict[str, TenantSet] = {}
    for permission in PERMISSIONS:
        giving = tuple(number for number, (granted, _) in enumerate(parts) if permission in granted)
        if giving not in sums:
            sums[giving] = union(parts[number][1] for number in giving)
        if sums[giving]:
            tenants[permission] = sums[giving]
    return Access(user_id, tenants, names={one.tenant_id: one.tenant_name for one in held})
