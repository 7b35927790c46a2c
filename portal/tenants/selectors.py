"""Reads of single Tenants: their pages, the switcher, the trash."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Q, QuerySet
from django.http import Http404
from django.utils import timezone

from portal.audit.models import Entry
from portal.audit.selectors import list_actions
from portal.core.access import Access
from portal.core.querysets import in_tenants
from portal.tenants import branches
from portal.tenants.models import Tenant
from portal.tenants.outline import Outline
from portal.tenants.services import require_above
from portal.tenants.trash import KEPT_FOR
from portal.tenants.trash_sight import trashed_with

SHOWN: Final = 50
"""Lines of one list on a Tenant's page."""

LATEST: Final = 10


@dataclass(frozen=True)
class PlacementLine:
    """An organization, or a User Profile placed by hand, on the server that holds it."""

    server: str
    name: str


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
    servers = tenant.servers.order_by("name") if access.allows("server:view", tenant_id=tenant.pk) else []
    total, branch = branches.tenant_with_branch(access, tenant.pk)
    return {
        "ancestors": list_visible_above(access, tenant),
        "total": total,
        "branch": branch,
        "placements": _placements_with_names(tenant),
        "servers": servers,
        "memberships": (
            tenant.memberships.select_related("user", "custom_role").order_by("user__name", "pk")[:SHOWN]
            if can_see_people
            else []
        ),
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
    people: int
    people_only_here: int
    invitations: int
    user_profiles: int
    devices: int


def count_losses(tenant: Tenant) -> Losses:
    """Six queries, whatever is below."""
    below = tenant.subtree()
    roles = below.filter(memberships__isnull=False)
    people = set(roles.values_list("memberships__user", flat=True))
    elsewhere = Tenant.objects.filter(memberships__user__in=people, is_trashed=False).exclude(
        path__startswith=tenant.path
    )
    return Losses(
        tenants=below.count() - 1,
        people=len(people),
        people_only_here=len(people - set(elsewhere.values_list("memberships__user", flat=True))),
        invitations=below.filter(
            invitations__isnull=False,
            invitations__accepted_at=None,
            invitations__expires_at__gt=timezone.now(),
        ).count(),
        user_profiles=below.filter(placements__user_profiles__isnull=False).count(),
        devices=below.filter(placements__devices__isnull=False).count(),
    )


@dataclass(frozen=True)
class Trashed:
    """A Tenant in the trash."""

    tenant: Tenant
    path: str
    """Names of what is above it, as far as the caller sees them."""
    tenants: int
    """How many lie there with it."""
    people: int
    gone_at: datetime
    can_purge: bool


def list_trash(access: Access) -> list[Trashed]:
    """What was deleted below Tenants that the caller manages, latest first. Below those that lie there
    themselves, nothing is listed: it comes back with them.
    """
    rows = list(_trash(access).select_related("parent").order_by("-trashed_at", "-pk"))
    outline = Outline(access.tenants_with("tenant:view"))
    below, people = _count_trash({tenant.pk for tenant in rows})
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


def _count_trash(tops: Collection[int]) -> tuple[Counter[int], dict[int, set[int]]]:
    """For each of `tops`: how many Tenants lie below it, and whose roles lie there with it. Two queries."""
    below: Counter[int] = Counter()
    people: dict[int, set[int]] = defaultdict(set)
    lying = Tenant.objects.filter(is_trashed=True)
    for tenant in lying.only("path"):
        below.update(pk for pk in tenant.ids_above if pk in tops)
    for path, user_id in lying.filter(memberships__isnull=False).values_list("path", "memberships__user"):
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


def _placements_with_names(tenant: Tenant) -> list[PlacementLine]:
    """What is placed with a Tenant, by the name its server gives it."""
    lines = []
    placements = tenant.placements.select_related("server").prefetch_related("server__organizations")
    for placement in placements:
        names = {one.organization_id: one.name for one in placement.server.organizations.all()}
        name = placement.username or names.get(placement.organization_id, "")
        if name:
            lines.append(PlacementLine(server=placement.server.name, name=name))
    return sorted(lines, key=lambda line: (line.name.casefold(), line.server))
