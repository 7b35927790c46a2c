"""Which Devices are connected to their Comet Server right now."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from django.db import transaction
from django.utils import timezone

from comet.types import LiveUserConnection
from portal.core.events import Fact, publish_all
from portal.core.wire import clip
from portal.fleet.models import Device
from portal.servers.models import CometServer
from portal.servers.placements import Placements, lock_server

MISSES: Final = 2
"""Lists in a row that must lack a Device before it counts as offline: mass reconnects happen."""

APART: Final = timedelta(seconds=30)
"""How far apart these lists have to be: after a restart two gaps may be closed within seconds, each with a
list, while Devices are still connecting again.

No further, since a list is read every minute, sometimes a little early: what went unseen is offline after
two minutes at most.
"""

SET_BACK: Final = timedelta(minutes=10)
"""Of a server whose clock was set back by more than this, what is known seems to be of the future."""

SEEN_EVERY: Final = timedelta(minutes=5)
"""How old the time a connected Device was last seen may get before it is written again."""

IMPRECISE: Final = timedelta(seconds=2)
"""Events tell whole seconds, and how far a server's clock is off is known about as well."""

_COLUMNS: Final = (
    "connections",
    "missed_polls",
    "presence_at",
    "last_seen_at",
    "client_version",
    "platform",
    "time_zone",
    "allows_filenames",
)


def apply_connections(
    server: CometServer, connections: Mapping[str, LiveUserConnection], *, read_at: datetime | None = None
) -> int:
    """Store the whole list of live connections (AdminDispatcherListActive); gives how many Devices changed.

    `read_at` is when it was asked for, by our clock; now unless given. The
    Device is found by user name and DeviceID, since one DeviceID may be registered twice.
    """
    by_device: dict[tuple[str, str], list[LiveUserConnection]] = defaultdict(list)
    for live in connections.values():
        by_device[live.username, live.device_id].append(live)
    now = timezone.now()
    as_of = (read_at or now) + timedelta(milliseconds=server.clock_drift_ms) - IMPRECISE
    with transaction.atomic():
        lock_server(server)
        written, shown = [], []
        for device in Device.objects.filter(server=server).select_related("profile"):
            before = (device.connections, device.client_version)
            live_now = by_device.get((device.profile.username, device.device_id), [])
            if not (_take(device, live_now) if live_now else _miss(device, as_of)):
                continue
            if live_now:
                device.last_seen_at = now
            device.presence_at = max(as_of, device.presence_at or as_of)
            written.append(device)
            if before != (device.connections, device.client_version):
                shown.append(device)
        Device.objects.bulk_update(written, _COLUMNS, batch_size=200)
        tenant_ids = Placements(server).tenant_ids()
        publish_all(
            Fact(
                "device.changed",
                tenant_ids.get(device.placement_id),
                {"device": device.pk, "server": server.pk},
            )
            for device in shown
        )
    return len(shown)


def _miss(device: Device, as_of: datetime) -> bool:
    """A list of `as_of` lacks the device; whether there is anything to write."""
    if not device.connections:
        return False
    apart = APART if device.missed_polls else timedelta()
    known_of = device.presence_at
    if known_of is not None and as_of < known_of + apart and known_of - as_of < SET_BACK:
        return False  # older than what an event told, or as good as the same list again
    device.missed_polls += 1
    if device.missed_polls >= MISSES:
        device.connections = device.missed_polls = 0
    return True


def _take(device: Device, live: list[LiveUserConnection]) -> bool:
    """Let `device` take its connections; whether there is anything to write."""
    newest = max(live, key=lambda connection: connection.connection_time)
    before = [getattr(device, name) for name in _COLUMNS]
    device.connections, device.missed_polls = min(len(live), 32_767), 0
    device.client_version = clip(newest.reported_version, 40) or device.client_version
    device.platform = clip(newest.reported_platform, 60) or device.platform
    device.time_zone = clip(newest.device_time_zone, 64) or device.time_zone
    device.allows_filenames = newest.allows_filenames
    stale = device.last_seen_at is None or timezone.now() - device.last_seen_at >= SEEN_EVERY
    return stale or before != [getattr(device, name) for name in _COLUMNS]


_TOLD: Final = ("connections", "missed_polls", "presence_at", "last_seen_at")


class ConnectionChange(NamedTuple):
    """What an event says of a Device's connections."""

    username: str
    """Empty where the event does not say it, which is enough while one user alone has the Device."""
    device_id: str
    connected: bool
    at: datetime | None = None
    """When it happened, by the server's clock; None where the event does not say it."""


def apply_connection_changes(server: CometServer, changes: Sequence[ConnectionChange]) -> None:
    """Let Devices take what events say, in their order; a fixed number of queries.

    Webhooks come in any order: what is older than what is known of a Device changes nothing.

    One that came online holds at least one connection, and the next list tells how many; one that
    went has given up one of them.
    """
    now = timezone.now()
    latest = now + timedelta(milliseconds=server.clock_drift_ms) + IMPRECISE
    with transaction.atomic():
        lock_server(server)
        held: dict[str, list[Device]] = defaultdict(list)
        device_ids = {change.device_id for change in changes}
        found = Device.objects.filter(server=server, device_id__in=device_ids)
        for device in found.select_related("profile", "placement"):
            held[device.device_id].append(device)
        before: dict[Device, int] = {}
        for username, device_id, connected, at in changes:
            mine = [device for device in held[device_id] if username in ("", device.profile.username)]
            if len(mine) != 1:
                continue
            device = mine[0]
            if at is not None and device.presence_at is not None and at < device.presence_at:
                continue
            device.presence_at = min(at, latest) if at else device.presence_at
            before.setdefault(device, device.connections)
            device.connections = max(device.connections, 1) if connected else max(device.connections - 1, 0)
            device.missed_polls, device.last_seen_at = 0, now
        Device.objects.bulk_update(before, _TOLD, batch_size=200)
        publish_all(
            Fact("device.changed", device.tenant_id, {"device": device.pk, "server": server.pk})
            for device, connections in before.items()
            if connections != device.connections
        )
