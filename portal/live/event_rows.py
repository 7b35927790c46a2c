"""Events as rows: what is stored of each frame, whatever it holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

from comet.constants import StreamableEventType as Type
from comet.stream import BadFrame, StreamedEvent
from portal.core.refusals import note_refusal
from portal.core.secrecy import storable
from portal.core.states import State
from portal.core.wire import AHEAD
from portal.live.kinds import OWN_TYPES, group_of
from portal.live.mirror import Applied
from portal.live.models import Event
from portal.live.placing import Place, Places
from portal.live.stored import storable_data
from portal.live.summaries import UNREADABLE, plain, summary_of
from portal.servers.models import CometServer

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


@dataclass(slots=True)
class EventRow:
    """The columns of an event as they are to be stored, in the order they are written."""

    server_id: int
    connection: UUID | None
    position: int | None
    received_at: datetime
    placement_id: int = 0
    happened_at: datetime = EARLIEST
    source: str = Event.Source.STREAM.value
    digest: str = ""
    posted_at: datetime | None = None
    tracing_id: str = ""
    type: int = 0
    group: str = group_of(0)
    type_string: str = ""
    actor: str = ""
    organization_id: str = ""
    resource_id: str = ""
    summary: str = UNREADABLE
    state: str = ""
    job_id: int | None = None
    device_id: int | None = None
    data: Any = None
    problem: str = ""


COLUMNS: Final = tuple(field.name for field in fields(EventRow))
values_of = attrgetter(*COLUMNS)
_TOLD: Final = COLUMNS[COLUMNS.index("type") :]
"""What follows from the event itself."""


def rows_of(
    server: CometServer,
    connection: UUID | None,
    arrivals: Sequence[Arrival],
    readable: Mapping[int, StreamedEvent],
    applied: Applied,
) -> list[tuple[EventRow, Place]]:
    """What is stored of each arrival, and whose it is. The server is locked, so that no User Profile
    is placed elsewhere meanwhile.
    """
    places = Places(server, [item.event for item in readable.values()], applied.jobs)
    rows = []
    for arrival in arrivals:
        item = readable.get(arrival.position)
        row = EventRow(server.pk, connection, arrival.position, arrival.received_at)
        if item is None:
            place = places.itself
            _fill_unreadable(row, arrival)
        else:
            place = _fill(row, item, places, applied.problems.get(arrival.position, ""))
        row.placement_id = place.pk
        rows.append((row, place))
    return rows


def fill(event: Event, item: StreamedEvent, places: Places) -> None:
    """Give a stored event that could not be applied before what follows from it."""
    row = EventRow(event.server_id, event.connection, event.position, event.received_at)
    event.placement_id = _fill(row, item, places, "").pk
    event.happened_at = row.happened_at
    for name in _TOLD:
        setattr(event, name, getattr(row, name))


def _fill(row: EventRow, item: StreamedEvent, places: Places, problem: str) -> Place:
    """Set what follows from the event; gives whose it is."""
    event = item.event
    job, device = places.job_of(event), places.device_of(event)
    row.type, row.group = event.type, group_of(event.type)
    row.type_string = plain(event.type_string)[:80]
    row.actor = storable(event.actor)[:255]
    row.organization_id = storable(event.owner_organization_id)[:64]
    row.resource_id = storable(event.resource_id)[:255]
    row.happened_at = _happened_at(event.timestamp, row.received_at)
    row.summary = summary_of(event, job=job.row if job is not None else None, device=device)
    if device is not None:
        row.device_id = device.pk
    if job is not None:
        row.job_id, row.device_id = job.pk, row.device_id or job.row.device_id
        row.state = State.RUNNING.value if event.type == Type.JOB_NEW else job.row.state
    row.data, too_long = storable_data(item)
    row.problem = " ".join(filter(None, [problem, too_long]))
    return places.place_of(event, job, device)


def _fill_unreadable(row: EventRow, arrival: Arrival) -> None:
    """What is stored of a frame that is no event: that it came. Its text may hold anything."""
    item = arrival.item
    row.happened_at = arrival.received_at
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
