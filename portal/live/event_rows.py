"""Events as rows: what is stored of each frame, whatever it holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from comet.stream import BadFrame, StreamedEvent
from portal.core.refusals import note_refusal
from portal.core.secrecy import storable
from portal.core.states import State
from portal.core.wire import AHEAD
from portal.live.kinds import OWN_TYPES
from portal.live.mirror import Applied
from portal.live.models import Event
from portal.live.placing import Places
from portal.live.stored import storable_data
from portal.live.summaries import UNREADABLE, plain, summary_of
from portal.servers.models import CometServer
from portal.servers.placements import lock_server

HIGHEST_TYPE: Final = 2_147_483_647
NO_EVENT: Final = {
    "DecodeError": "it is not JSON",
    "ValidationError": "its fields are not of the types they should be",
}
"""What is wrong with a frame, by the name that `comet.stream` gives it."""

EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Arrival:
    """One frame of a connection, counted from 0."""

    position: int
    received_at: datetime
    item: StreamedEvent | BadFrame


def is_readable(item: StreamedEvent) -> bool:
    """Whether its type is one that a Comet Server may have."""
    return OWN_TYPES.stop <= item.event.type <= HIGHEST_TYPE


def why_unreadable(item: StreamedEvent | BadFrame) -> str:
    """Why a frame is no event."""
    if isinstance(item, BadFrame):
        reason = NO_EVENT.get(item.reason, item.reason)
    else:
        reason = f"the type {item.event.type} is no type"
    return f"This is not an event as Comet Servers send them: {reason}."


def rows_of(
    server: CometServer,
    connection: UUID | None,
    arrivals: Sequence[Arrival],
    readable: Mapping[int, StreamedEvent],
    applied: Applied,
) -> list[Event]:
    lock_server(server)  # so that no User Profile is placed elsewhere between reading and writing
    places = Places(server, [item.event for item in readable.values()], applied.job_ids)
    rows = []
    for arrival in arrivals:
        item = readable.get(arrival.position)
        row = Event(
            server=server, connection=connection, position=arrival.position, received_at=arrival.received_at
        )
        if item is None:
            _fill_unreadable(row, arrival, places)
        else:
            fill(row, item, places, applied.problems.get(arrival.position, ""))
        rows.append(row)
    return rows


def fill(row: Event, item: StreamedEvent, places: Places, problem: str) -> None:
    event = item.event
    job, device = places.job_of(event), places.device_of(event)
    row.job = job
    row.device_id = device.pk if device is not None else job.device_id if job is not None else None
    row.placement = places.placement_of(event, job, device)
    row.type = event.type
    row.type_string = plain(event.type_string)[:80]
    row.actor = storable(event.actor)[:255]
    row.organization_id = storable(event.owner_organization_id)[:64]
    row.resource_id = storable(event.resource_id)[:255]
    row.happened_at = _happened_at(event.timestamp, row.received_at)
    row.summary = summary_of(event, job=job, device=device)
    if job is not None:
        row.state = State.RUNNING if event.type == 4200 else job.state
    row.data, too_long = storable_data(item)
    row.problem = " ".join(filter(None, [problem, too_long]))


def _fill_unreadable(row: Event, arrival: Arrival, places: Places) -> None:
    """What is stored of a frame that is no event: that it came. Its text may hold anything."""
    item = arrival.item
    row.type = 0
    row.placement = places.itself
    row.happened_at = arrival.received_at
    row.summary = UNREADABLE
    row.data = {"length": len(item.text)}
    row.problem = why_unreadable(item)
    note_refusal("event", "unreadable", server_id=row.server_id, why=row.problem, length=len(item.text))


def _happened_at(timestamp: int, received_at: datetime) -> datetime:
    """The event's own time; the time of its arrival where it has none, or one that cannot be."""
    try:
        moment = datetime.fromtimestamp(timestamp, UTC)
    except (OverflowError, ValueError, OSError):
        return received_at
    return moment if EARLIEST <= moment <= received_at + AHEAD else received_at
