"""Whose an event is: its placement, and the Job and Device it speaks of. A fixed number of queries."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final, NamedTuple

from comet.types import StreamableEvent
from portal.core.prepared import Prepared
from portal.fleet.models import Device, UserProfile
from portal.jobs.changes import Stored
from portal.live.kinds import group_of
from portal.servers.models import SERVER_ITSELF, TOP_LEVEL, CometServer, Placement
from portal.servers.placements import Placements

_OF_END_CUSTOMERS: Final = frozenset({"job", "user", "device"})
"""Groups whose events belong to whoever has the organization, the top level included."""


_placements = Prepared(
    lambda server: Placement.objects.filter(server=server).values_list(
        "pk", "tenant_id", "organization_id", "username", "is_released"
    )
)
_profiles = Prepared(
    lambda server, usernames: UserProfile.objects.filter(
        server=server, username__any_of=usernames
    ).values_list("username", "placement_id")
)


class Place(NamedTuple):
    """A placement, and the Tenant that owns it."""

    pk: int
    tenant_id: int


class Places:
    """What the events of one batch may point at, read beforehand."""

    def __init__(
        self, server: CometServer, events: Iterable[StreamableEvent], jobs: Mapping[str, Stored]
    ) -> None:
        self._jobs = jobs
        self._by_id: dict[int, Place] = {}
        self._placements: dict[tuple[str, str], Place] = {}
        for pk, tenant_id, organization_id, username, is_released in _placements(server.pk):
            self._by_id[pk] = place = Place(pk, tenant_id)
            if not is_released:
                self._placements[organization_id, username] = place
        self.itself = self._placements.get((SERVER_ITSELF, "")) or _placed_first(server)
        others = [event for event in events if self.job_of(event) is None]
        usernames = {username_in(event) for event in others} - {""}
        self._profiles: dict[str, int] = dict(_profiles(server.pk, usernames)) if usernames else {}
        self._devices = _devices(
            server, {event.resource_id for event in others if group_of(event.type) == "device"} - {""}
        )

    def job_of(self, event: StreamableEvent) -> Stored | None:
        guid = event.data.get("GUID") if isinstance(event.data, dict) else None
        return self._jobs.get(guid) if group_of(event.type) == "job" and isinstance(guid, str) else None

    def device_of(self, event: StreamableEvent) -> Device | None:
        """The Device an event names; none where several users have it and the event does not say whose."""
        if group_of(event.type) != "device":
            return None
        devices = self._devices.get(event.resource_id, [])
        owner = username_in(event) or event.actor
        mine = [device for device in devices if device.profile.username == owner]
        if len(mine) == 1:
            return mine[0]
        return devices[0] if len(devices) == 1 else None

    def place_of(self, event: StreamableEvent, job: Stored | None, device: Device | None) -> Place:
        """By the row it speaks of, the user it names, its organization; else the server's own."""
        if job is not None:
            return self._by_id.get(job.row.placement_id, self.itself)
        if device is not None:
            return self._by_id.get(device.placement_id, self.itself)
        username, organization_id = username_in(event), event.owner_organization_id
        if username in self._profiles:
            return self._by_id.get(self._profiles[username], self.itself)
        if organization_id == TOP_LEVEL and group_of(event.type) not in _OF_END_CUSTOMERS:
            return self.itself  # what the server's own administrators do concerns its owner alone
        if organization_id == SERVER_ITSELF:
            return self.itself
        return (
            self._placements.get((organization_id, username))
            or self._placements.get((organization_id, ""))
            or self.itself
        )


def username_in(event: StreamableEvent) -> str:
    """The end user an event's data names; administrators are none."""
    if group_of(event.type) == "admin":
        return ""
    named: Any = event.data.get("Username") if isinstance(event.data, dict) else None
    return named if isinstance(named, str) else ""


def _placed_first(server: CometServer) -> Place:
    placement = Placements(server).of_server()
    return Place(placement.pk, placement.tenant_id)


def _devices(server: CometServer, device_ids: Collection[str]) -> dict[str, list[Device]]:
    found: dict[str, list[Device]] = {}
    if not device_ids:
        return found
    rows = Device.objects.filter(server=server, device_id__in=device_ids)
    for device in rows.select_related("profile"):
        found.setdefault(device.device_id, []).append(device)
    return found
