"""Reads of single Tenants: their pages, the switcher, the trash."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any, Final

from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Case, F, FilteredRelation, Q, QuerySet, When
from django.db.models.functions import Lower
from django.http import Http404
from django.utils import timezone

from portal.audit.models import Entry
from portal.audit.selectors import list_actions
from portal.core.access import Access
from portal.core.paging import beginning
from portal.core.querysets import in_tenants
from portal.core.tenant_sets import TenantSet, covers
from portal.tenants import branches
from portal.tenants.models import Tenant
from portal.tenants.outline import Outline
from portal.tenants.services import require_above
from portal.tenants.trash import KEPT_FOR
from portal.tenants.trash_sight import reaches_trashed, trashed_with

SHOWN: Final = 20
"""Lines of one list on a Tenant's page."""

LATEST: Final = 10


def list_options(access: Access) -> Outline:
    """The Tenants a person reaches, in the order of the tree, for the switcher."""
    return Outline(access.reach())


def common_tenant_id(tenants: Iterable[Tenant | None]) -> int | None:
    """The lowest Tenant that all of `tenants` are, or are below: who reads there may read of each."""
    paths = [[int(part) for part in tenant.path.strip("/").split("/")] for tenant in tenants if tenant]
    common = None
    for level in zip(*paths, strict=False):
        if len(set(level)) > 1:
            break
        common = level[0]
    return common


def get_root() -> Tenant | None:
    """The provider, or None before `manage.py setup`."""
    return Tenant.objects.filter(parent=None).first()


def get_tenant(tenant_id: int) -> Tenant | None:
    """The Tenant of that id, unless it is in the trash."""
    return Tenant.objects.filter(pk=tenant_id, is_trashed=False).first()


def name_of_only_tenant(access: Access) -> str:
    """The name of the Tenant of somebody who reaches one alone; empty for others.

    No query where a role is held there, as is but while viewing as somebody else.
    """
    reach = access.reach()
    if not isinstance(reach, frozenset) or len(reach) != 1:
        return ""
    (tenant_id,) = reach
    if tenant_id in access.names:
        return access.names[tenant_id]
    tenant = get_tenant(tenant_id)
    return tenant.name if tenant else ""


def get_reached_tenant(access: Access, text: str) -> Tenant:
    """The Tenant whose id is `text`, if anything is granted there.

    Raises:
        Http404: it is no id, or that of nothing within reach.
    """
    is_id = text.isascii() and text.isdecimal() and len(text) < 19
    found = get_tenant(int(text)) if is_id else None
    if found is None or found.pk not in access.reach():
        raise Http404("No tenant matches.")
    return found


def tenant_facts(access: Access, tenant: Tenant) -> dict[str, object]:
    """What a Tenant's page shows beside its name."""
    can_see_people = access.allows("person:view", tenant_id=tenant.pk)
    sees_servers = access.allows("server:view", tenant_id=tenant.pk)
    people = tenant.memberships.select_related("user", "custom_role").order_by("user__name", "pk")
    total, branch = branches.tenant_with_branch(access, tenant.pk)
    return {
        "ancestors": list_visible_above(access, tenant),
        "total": total,
        "branch": branch,
        "placements": beginning(_placements_with_names(tenant), SHOWN),
        "servers": beginning(tenant.servers.order_by("name", "pk"), SHOWN) if sees_servers else (),
        "memberships": beginning(people, SHOWN) if can_see_people else (),
        "history": _history(access, tenant),
        "can_manage": access.allows("tenant:manage", tenant_id=tenant.pk),
        "can_act": can_act(access, tenant),
        "can_see_people": can_see_people,
        "can_invite": access.allows("person:manage", tenant_id=tenant.pk),
        "can_manage_tokens": access.allows("token:manage", tenant_id=tenant.pk),
    }


def list_visible_above(access: Access, tenant: Tenant) -> list[Tenant]:
    """The Tenants above one that the caller sees, from the top down."""
    visible = Tenant.objects.visible_to(access, "tenant:view").in_bulk(tenant.ids_above)
    return [visible[pk] for pk in tenant.ids_above if pk in visible]


def can_act(access: Access, tenant: Tenant) -> bool:
    """Whether the caller may move, suspend and delete it: he manages it and what is above."""
    try:
        require_above(tenant, access=access)
    except (PermissionDenied, ValidationError):
        return False
    return True


@dataclass(frozen=True)
class Losses:
    """What goes with a Tenant, everything below it included."""

    tenants: int
    people: int | None
    """With roles in it; None, as the two below, where the caller does not see people in all of it."""
    people_only_here: int | None
    invitations: int | None
    user_profiles: int
    devices: int


def count_losses(tenant: Tenant, access: Access) -> Losses:
    """Seven queries at most, whatever is below."""
    below = tenant.subtree()
    lying = dict(below.values_list("pk", "is_trashed"))
    open_ids = [pk for pk, is_trashed in lying.items() if not is_trashed]
    trashed_ids = [pk for pk, is_trashed in lying.items() if is_trashed]
    people = only_here = invitations = None
    if covers(access.tenants_with("person:view"), open_ids) and reaches_trashed(
        access, "person:view", trashed_ids
    ):
        people, only_here = _count_people(tenant)
        invitations = below.filter(
            invitations__isnull=False,
            invitations__accepted_at=None,
            invitations__expires_at__gt=timezone.now(),
        ).count()
    return Losses(
        tenants=len(lying) - 1,
        people=people,
        people_only_here=only_here,
        invitations=invitations,
        user_profiles=below.filter(placements__user_profiles__isnull=False).count(),
        devices=below.filter(placements__devices__isnull=False).count(),
    )


def _count_people(tenant: Tenant) -> tuple[int, int]:
    """How many have a role in a Tenant or below it, and how many of them have none elsewhere."""
    roles = tenant.subtree().filter(memberships__isnull=False)
    people = set(roles.values_list("memberships__user", flat=True))
    elsewhere = Tenant.objects.filter(memberships__user__in=people, is_trashed=False).exclude(
        path__startswith=tenant.path
    )
    return len(people), len(people - set(elsewhere.values_list("memberships__user", flat=True)))


@dataclass(frozen=True)
class Trashed:
    """A Tenant in the trash."""

    tenant: Tenant
    path: str
    """Names of what is above it, as far as the caller sees them."""
    tenants: int
    """How many lie there with it."""
    people: int
    """With roles there, as far as the caller would see people were it restored."""
    gone_at: datetime
    can_purge: bool


def list_trash(access: Access) -> QuerySet[Tenant]:
    """What was deleted below Tenants that the caller manages. Below those that lie there themselves,
    nothing is listed: it comes back with them.
    """
    return _trash(access).select_related("parent")


def trash_facts(access: Access, rows: Collection[Tenant]) -> list[Trashed]:
    """What the page of the trash says of some Tenants that lie there. A few queries in all."""
    outline = Outline(access.tenants_with("tenant:view"))
    below, people = _count_trash(rows, trashed_with(access, "person:view"))
    found = []
    for tenant in rows:
        assert tenant.trashed_at is not None and tenant.parent_id is not None  # noqa: S101, PT018
        above = outline.get(tenant.parent_id)
        found.append(
            Trashed(
                tenant=tenant,
                path=above.path if above else "",
                tenants=below[tenant.pk],
                people=len(people[tenant.pk]),
                gone_at=tenant.trashed_at + KEPT_FOR,
                can_purge=access.allows("tenant:purge", tenant_id=tenant.parent_id),
            )
        )
    return found


def _count_trash(
    rows: Collection[Tenant], with_people: TenantSet
) -> tuple[Counter[int], dict[int, set[int]]]:
    """For each of `rows`: how many Tenants lie below it, and whose roles in `with_people` lie there with it.
    Two queries.
    """
    below: Counter[int] = Counter()
    people: dict[int, set[int]] = defaultdict(set)
    if not rows:
        return below, people
    tops = {tenant.pk for tenant in rows}
    lying = Tenant.objects.filter(reduce(or_, (Q(path__startswith=tenant.path) for tenant in rows)))
    for tenant in lying.only("path"):
        below.update(pk for pk in tenant.ids_above if pk in tops)
    held = lying.filter(in_tenants("pk", with_people), memberships__isnull=False)
    for path, user_id in held.values_list("path", "memberships__user"):
        for part in path.strip("/").split("/"):
            if int(part) in tops:
                people[int(part)].add(user_id)
    return below, people


def get_trashed(access: Access, pk: int, *, act: str = "tenant:manage") -> Tenant:
    """One Tenant of the trash.

    Raises:
        Http404: none lies there below what the caller manages.
        PermissionDenied: `act` is not held where it was.
    """
    tenant = _trash(access).filter(pk=pk).select_related("parent").first()
    if tenant is None or tenant.parent_id is None:
        raise Http404("No tenant matches.")
    access.require(act, tenant_id=tenant.parent_id)
    return tenant


def _trash(access: Access) -> QuerySet[Tenant]:
    managed = Tenant.objects.visible_to(access, "tenant:manage")
    return Tenant.objects.filter(
        in_tenants("pk", trashed_with(access, "tenant:manage")),
        trashed_at__isnull=False,
        parent__in=managed.values("pk"),
    )


def _history(access: Access, tenant: Tenant) -> list[Entry]:
    """The latest of what was done to the Tenant itself, for who may read the audit."""
    if not access.allows("audit:view", tenant_id=tenant.pk):
        return []
    named = Q(object_type="tenants.tenant", object_id=str(tenant.pk))
    known_at_its_end = Entry.objects.filter(named, begun__isnull=False).values("begun")  # "Made a tenant"
    about = list_actions(access).filter(named | Q(pk__in=known_at_its_end))
    return list(about.order_by("-at", "-pk")[:LATEST])


def _placements_with_names(tenant: Tenant) -> QuerySet[Any, Any]:
    """What is placed with a Tenant, by the name its server gives it, as `server_name` and `name`."""
    same = Q(server__organizations__organization_id=F("organization_id"))
    placed: Any = tenant.placements.annotate(at=FilteredRelation("server__organizations", condition=same))
    by_hand = When(username__gt="", then=F("username"))
    named = placed.annotate(name=Case(by_hand, default=F("at__name")), server_name=F("server__name"))
    ordered = named.filter(name__gt="").order_by(Lower("name"), "server_name", "pk")
    found: QuerySet[Any, Any] = ordered.values("name", "server_name")
    return found
