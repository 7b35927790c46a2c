"""Whose an event is: its placement, and the Job and Device it speaks of. A fixed number of queries."""

from collections.abc import Collection, Iterable
from typing import Any, Final

from comet.types import StreamableEvent
from portal.fleet.models import Device, UserProfile
from portal.jobs.models import Job
from portal.live.kinds import group_of
from portal.servers.models import SERVER_ITSELF, TOP_LEVEL, CometServer, Placement
from portal.servers.placements import Placements

_OF_END_CUSTOMERS: Final = frozenset({"job", "user", "device"})
"""Groups whose events belong to whoever has the organization, the top level included."""


_OF_JOBS: Final = (
    "guid",
    "placement",
    "device",
    "username",
    "device_name",
    "item_name",
    "classification",
    "status",
    "state",
)
"""Columns of a Job that its events show or point at."""


class Places:
    """What the events of one batch may point at, read beforehand."""

    def __init__(
        self, server: CometServer, events: Iterable[StreamableEvent], job_ids: Collection[int]
    ) -> None:
        events = list(events)
        self._by_id = Placement.objects.filter(server=server).in_bulk()
        self._placements = {
            (placement.organization_id, placement.username): placement
            for placement in self._by_id.values()
            if not placement.is_released
        }
        self.itself = self._placements.get((SERVER_ITSELF, "")) or Placements(server).of_server()
        self._jobs = {job.guid: job for job in Job.objects.filter(pk__any_of=job_ids).only(*_OF_JOBS)}
        profiles = UserProfile.objects.filter(
            server=server, username__in={username_in(event) for event in events} - {""}
        )
        self._profiles = dict(profiles.values_list("username", "placement_id"))
        self._devices = _devices(
            server, {event.resource_id for event in events if group_of(event.type) == "device"} - {""}
        )

    def job_of(self, event: StreamableEvent) -> Job | None:
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

    def placement_of(self, event: StreamableEvent, job: Job | None, device: Device | None) -> Placement:
        """By the row it speaks of, the user it names, its organization; else the server's own."""
        if job is not None:
            return self._by_id.get(job.placement_id, self.itself)
        if device is not None:
            return device.placement
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


def _devices(server: CometServer, device_ids: Collection[str]) -> dict[str, list[Device]]:
    found: dict[str, list[Device]] = {}
    rows = Device.objects.filter(server=server, device_id__in=device_ids)
    for device in rows.select_related("profile", "placement"):
        found.setdefault(device.device_id, []).append(device)
    return found
