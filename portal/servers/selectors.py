"""Reads of linked Comet Servers, scoped to who asks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q

from portal.core.access import Access
from portal.core.querysets import TenantQuerySet
from portal.operations.models import Operation
from portal.servers.models import SERVER_ITSELF, CometServer, Organization, Placement
from portal.tenants.models import Tenant


@dataclass(frozen=True, slots=True)
class StaleServer:
    """A server whose data is old. `name` is empty for who may not know of the server."""

    name: str
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Freshness:
    """How fresh everything a person sees is."""

    stale: Sequence[StaleServer]
    total: int
    live: bool
    """Whether each is heard as it happens: by its stream, or by webhook where that was chosen."""
    by_webhook: int
    """How many are heard by webhook alone."""
    may_list: bool
    """Whether the person may open the list of servers."""


def freshness(access: Access) -> Freshness:
    """Over the servers this person may see, and those that hold what this person may see. Two queries."""
    own = set(CometServer.objects.visible_to(access, "server:view").values_list("pk", flat=True))
    placed = Placement.objects.visible_to(access, "device:view").filter(server=OuterRef("pk"))
    servers = CometServer.objects.filter(Q(pk__in=own) | Exists(placed), unlinking_at=None).defer(
        "password", "session_key"
    )
    found = list(servers)
    stale = [
        StaleServer(server.name if server.pk in own else "", server.data_at)
        for server in found
        if server.is_stale
    ]
    stale.sort(key=lambda server: (server.since is not None, server.since))
    return Freshness(
        stale=stale,
        total=len(found),
        live=bool(found) and all(server.is_live or server.is_by_webhook for server in found),
        by_webhook=sum(server.is_by_webhook for server in found),
        may_list=bool(access.tenants_with("server:view")),
    )


def list_servers(access: Access) -> TenantQuerySet[CometServer]:
    """Linked servers by name, with `connected_devices` and `user_profile_count`."""
    servers: Any = (
        CometServer.objects.visible_to(access, "server:view")
        .select_related("tenant", "stream_lease")
        .annotate(
            user_profile_count=_count("user_profiles"),
            connected_devices=Count("devices", filter=Q(devices__connections__gt=0), distinct=True),
        )
        .order_by("name", "pk")
    )
    found: TenantQuerySet[CometServer] = servers
    return found


def get_server(access: Access, pk: int, *, act: str | None = None) -> CometServer:
    """One server with its Tenant; raises as `get_for`."""
    return CometServer.objects.select_related("tenant").get_for(access, "server:view", act=act, pk=pk)


def _count(relation: str) -> Any:
    return Count(relation, distinct=True)


def list_syncable_servers() -> list[CometServer]:
    """Every linked server that background work may ask: not those on their way out."""
    return list(CometServer.objects.filter(unlinking_at=None).order_by("pk"))


@dataclass(frozen=True, slots=True)
class PlacedOrganization:
    """One organization of a server, or its top level, with where it is placed."""

    placement: Placement
    organization: Organization | None
    user_profiles: int
    devices: int
    tenant_name: str
    """Where it is placed; empty for who may not know of that Tenant."""

    @property
    def name(self) -> str:
        if self.organization is not None:
            return self.organization.name or self.organization.organization_id
        return self.placement.organization_id or "No organization (top level)"


def list_placed_organizations(access: Access, server: CometServer) -> list[PlacedOrganization]:
    """The top level first, then organizations by name, with how much each holds. Two queries."""
    organizations = {found.organization_id: found for found in Organization.objects.filter(server=server)}
    in_sight = access.tenants_with("tenant:view")
    placements = (
        Placement.objects.filter(server=server, username="")
        .exclude(organization_id=SERVER_ITSELF)
        .select_related("tenant")
        .annotate(profile_count=_count("user_profiles"), device_count=_count("devices"))
    )
    placed = [
        PlacedOrganization(
            placement,
            organizations.get(placement.organization_id),
            placement.profile_count,
            placement.device_count,
            placement.tenant.name if placement.tenant_id in in_sight else "",
        )
        for placement in placements
    ]
    return sorted(placed, key=lambda found: (bool(found.placement.organization_id), found.name.lower()))


def list_operations(access: Access, server: CometServer, *, limit: int = 5) -> list[Operation]:
    """The latest Operations on the server itself."""
    return list(
        Operation.objects.visible_to(access, "operation:view")
        .filter(items__target_type="server", items__target_id=server.pk)
        .distinct()
        .order_by("-created_at", "-pk")[:limit]
    )


def list_owning_tenants(access: Access) -> TenantQuerySet[Tenant]:
    """Tenants this person may link servers for, in the order of the tree."""
    return Tenant.objects.visible_to(access, "server:link").order_by("path")


def count_mirrored(server: CometServer) -> dict[str, int]:
    """How many rows would go with the server, by what they are."""
    return {
        "user_profiles": server.user_profiles.count(),
        "devices": server.devices.count(),
        "jobs": server.jobs.count(),
    }


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What the page of a server counts and tells."""

    user_profiles: int
    devices: int
    connected_devices: int
    clock_drift_seconds: int
    unmapped: int


def server_facts(server: CometServer) -> ServerFacts:
    """Three queries, whatever the server holds."""
    devices = server.devices.aggregate(all=Count("pk"), connected=Count("pk", filter=Q(connections__gt=0)))
    return ServerFacts(
        user_profiles=server.user_profiles.count(),
        devices=devices["all"],
        connected_devices=devices["connected"],
        clock_drift_seconds=round(server.clock_drift_ms / 1000),
        unmapped=server.placements.filter(is_unmapped=True).count(),
    )
