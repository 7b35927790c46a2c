"""What may be placed, and where: each read scoped to who asks.

Somebody places what is on servers whose owner he manages (`tenant:manage`). On any other server he
sees neither organizations nor that they exist.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any, Final

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce, Lower, NullIf, StrIndex, Substr
from django.http import Http404

from portal.core.access import Access
from portal.core.querysets import TenantQuerySet
from portal.fleet.models import UserProfile
from portal.placing.models import Change, Move
from portal.servers.models import SERVER_ITSELF, TOP_LEVEL, CometServer, Organization, Placement
from portal.tenants.models import Tenant

MANAGE: Final = "tenant:manage"

TOP_LEVEL_NAME: Final = "No organization (top level)"


def list_managed_servers(access: Access) -> TenantQuerySet[CometServer]:
    """Servers whose organizations the caller may place, by name."""
    return (
        CometServer.objects.visible_to(access, MANAGE)
        .filter(unlinking_at=None)
        .defer("password", "session_key")
        .order_by("name", "pk")
    )


def list_targets(access: Access) -> TenantQuerySet[Tenant]:
    """Tenants the caller manages, in the order of the tree; those in the trash are not among them."""
    return Tenant.objects.visible_to(access, MANAGE).order_by("path")


def list_open_targets(access: Access) -> TenantQuerySet[Tenant]:
    """Tenants that something can be placed with: not those suspended."""
    return list_targets(access).filter(is_suspended=False)


def list_placements(access: Access) -> QuerySet[Any]:
    """Organizations of managed servers with where each is placed; `name`, and `sort_name` to sort by."""
    names = Organization.objects.filter(
        server=OuterRef("server"), organization_id=OuterRef("organization_id")
    ).values("name")[:1]
    placements: Any = (
        Placement.objects.filter(server__in=list_managed_servers(access), username="")
        .exclude(organization_id=SERVER_ITSELF)
        .select_related("server__tenant", "tenant")
        .defer("server__password", "server__session_key")
    )
    return placements.annotate(
        name=Coalesce(NullIf(Subquery(names), Value("")), F("organization_id"))
    ).annotate(sort_name=Lower("name"))


def list_profiles(access: Access) -> QuerySet[UserProfile]:
    """User Profiles of managed servers that are at the top level, with an organization that is not
    placed, or placed by hand.
    """
    return (
        UserProfile.objects.filter(server__in=list_managed_servers(access))
        .filter(Q(organization_id=TOP_LEVEL) | Q(placement__is_unmapped=True) | ~Q(placement__username=""))
        .select_related("server__tenant", "placement__tenant")
        .defer("server__password", "server__session_key")
    )


def list_placeable_profiles(access: Access) -> QuerySet[UserProfile]:
    """Any User Profile of a managed server."""
    return (
        UserProfile.objects.filter(server__in=list_managed_servers(access))
        .select_related("server__tenant", "placement__tenant")
        .defer("server__password", "server__session_key")
    )


def name_of(placement: Any) -> str:
    """What people call an organization of `list_placements`."""
    return placement.name if placement.organization_id else TOP_LEVEL_NAME


def mail_domains(placement_ids: Collection[int] | QuerySet[Any]) -> dict[int, dict[str, int]]:
    """Placement -> the mail domains of its users, each with how many users have it. One query."""
    found: dict[int, dict[str, int]] = defaultdict(dict)
    counted = (
        UserProfile.objects.filter(placement__in=placement_ids)
        .exclude(email="")
        .annotate(domain=Lower(Substr("email", StrIndex("email", Value("@")) + 1)))
        .values_list("placement", "domain")
        .annotate(users=Count("pk"))
        .order_by()
    )
    for placement_id, domain, users in counted:
        found[placement_id][domain] = users
    return found


def count_held(placements: Iterable[Any]) -> dict[int, tuple[int, int]]:
    """Placement -> how many User Profiles and Devices it holds. Two queries."""
    ids = [placement.pk for placement in placements]
    rows = Placement.objects.filter(pk__in=ids).order_by()
    users = dict(rows.values_list("pk").annotate(held=Count("user_profiles")))
    devices = dict(rows.values_list("pk").annotate(held=Count("devices")))
    return {pk: (users.get(pk, 0), devices.get(pk, 0)) for pk in ids}


def list_changes(access: Access) -> QuerySet[Any]:
    """Changes on managed servers, with `size` (how many Moves each has) and `is_undo`."""
    seen = Move.objects.visible_to(access, MANAGE).filter(change=OuterRef("pk"))
    changes: QuerySet[Any] = Change.objects.filter(Exists(seen)).select_related("taken_back")
    undone = Change.objects.filter(taken_back=OuterRef("pk"))
    return changes.annotate(size=Count("moves"), is_undo=Exists(undone))


def get_change(access: Access, pk: int) -> Change:
    """A change of which the caller sees something.

    Raises:
        Http404: there is none.
    """
    change = list_changes(access).filter(pk=pk).first()
    if change is None:
        raise Http404("No change matches.")
    return change


def list_moves(access: Access, change_ids: Collection[int]) -> TenantQuerySet[Move]:
    """What some changes placed on managed servers."""
    return (
        Move.objects.visible_to(access, MANAGE)
        .filter(change__in=change_ids)
        .select_related("tenant_before", "tenant_after")
        .order_by("pk")
    )
