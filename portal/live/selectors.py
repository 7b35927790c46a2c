"""Reads of events and of what the live pages need, each scoped to what the caller may see."""

from collections.abc import Collection

from django.db.models import Q, QuerySet

from portal.core.access import Access
from portal.core.querysets import TenantQuerySet, in_tenants
from portal.core.states import State
from portal.core.tenant_sets import Everything, TenantSet
from portal.jobs.models import Job
from portal.live.models import Event, SetAside
from portal.servers.models import CometServer, Placement

FEED_LINES = 20


def event_lines() -> TenantQuerySet[Event]:
    """Events with what a line shows of them, without their data, whoever's they are."""
    return Event.objects.select_related("server", "placement").defer("data")


def list_events(access: Access) -> TenantQuerySet[Event]:
    """Events the caller may see, without their data."""
    return event_lines().visible_to(access, "activity:view")


def list_set_aside(access: Access) -> TenantQuerySet[SetAside]:
    """Events set aside that the caller may replay, with event and server."""
    rows = SetAside.objects.visible_to(access, "server:sync")
    return rows.select_related("event__placement", "server").defer("event__data")


def list_servers_of_set_aside(rows: QuerySet[SetAside]) -> list[CometServer]:
    """The servers of these events, by name."""
    found = CometServer.objects.filter(pk__in=rows.order_by().values("server"))
    return list(found.order_by("name", "pk"))


def list_servers_to_sync(access: Access) -> QuerySet[CometServer]:
    """Comet Servers whose events the caller may replay, by name."""
    return CometServer.objects.visible_to(access, "server:sync").order_by("name")


def list_latest_events(access: Access) -> list[Event]:
    """The newest events, newest first, as the activity feed shows them."""
    return list(list_events(access).order_by("-received_at", "-pk")[:FEED_LINES])


def list_servers_of(access: Access) -> QuerySet[CometServer]:
    """Comet Servers of which the caller sees events, by name. Names only."""
    placements = Placement.objects.visible_to(access, "activity:view")
    return CometServer.objects.filter(pk__in=placements.values("server")).order_by("name")


def list_servers_with_running_jobs(
    tenants: TenantSet, job_ids: Collection[int], device_ids: Collection[int]
) -> list[int]:
    """Ids of the servers of running Jobs that belong to `tenants`, or are named, alone or by Device."""
    shown = Q(pk__in=job_ids) | Q(device__in=device_ids)
    if isinstance(tenants, Everything):
        shown = Q()
    elif tenants:
        shown |= Q(placement__in=Placement.objects.filter(in_tenants("tenant", tenants)))
    running = Job.objects.filter(shown, state=State.RUNNING)
    return list(running.order_by().values_list("server", flat=True).distinct())


def list_tenants_placed_on(server_ids: Collection[int]) -> list[int]:
    """Ids of the Tenants of whom something is on these servers, their owners included."""
    return list(
        Placement.objects.filter(server__in=server_ids).order_by().values_list("tenant", flat=True).distinct()
    )
