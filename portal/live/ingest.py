"""The one door for what Comet Servers report: events, with what follows from them, or nothing.

A batch is one transaction: the lease's fence is checked, the mirror and its roll-ups are written,
the events are stored. Events of one connection are counted by position, so a repeated batch changes
nothing. An event that cannot be read or applied is stored with the reason and holds up no other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from comet.stream import BadFrame, StreamedEvent
from comet.webhooks import Webhook
from portal.core.events import Fact, publish_all
from portal.core.metrics import count, observe
from portal.core.refusals import note_refusal
from portal.core.secrecy import storable
from portal.core.states import State
from portal.core.wire import AHEAD
from portal.live import gaps, twins
from portal.live.kinds import OWN_TYPES
from portal.live.mirror import Applied, apply_to_mirror
from portal.live.models import Event, StreamLease
from portal.live.placing import Places
from portal.live.stored import storable_data, without_nul
from portal.live.summaries import UNREADABLE, plain, summary_of
from portal.servers.models import CometServer
from portal.servers.placements import lock_server

HEARD_EVERY: Final = timedelta(seconds=1)
"""How often `last_event_at` is written at most."""

HIGHEST_TYPE: Final = 2_147_483_647
EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)


class Fenced(Exception):
    """The lease is another relay's by now, or the server was unlinked: nothing may be written."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One frame of a connection, counted from 0."""

    position: int
    received_at: datetime
    item: StreamedEvent | BadFrame


@dataclass(slots=True)
class Outcome:
    """What a batch did, and what has to be read afresh because events did not tell it all."""

    stored: int = 0
    repeated: int = 0
    wants_sync: bool = False
    usernames: set[str] = field(default_factory=set)
    """Users whose profiles changed without the event saying how."""


def ingest(server_id: int, connection: UUID, arrivals: Sequence[Arrival], *, fence: int) -> Outcome:
    """Store a batch of one stream connection, and apply it to the mirror.

    What came as a webhook already is neither stored nor applied again.

    Raises:
        Fenced: `fence` is not the lease's any more.
        django.db.OperationalError: the database did not take it; the batch may be given again.
    """
    with transaction.atomic():
        server = _server_under(server_id, fence)
        known = set(
            Event.objects.filter(
                connection=connection, position__in=[arrival.position for arrival in arrivals]
            ).values_list("position", flat=True)
        )
        fresh = [_cleaned(arrival) for arrival in arrivals if arrival.position not in known]
        digests: dict[int, str] = {}
        if fresh and twins.posts(server):
            digests = {place: twins.digest_of(item) for place, item in _readable(fresh).items()}
            fresh = _without_posted(server, connection, fresh, digests)
        applied = _store(server, connection, fresh, digests)
    _measure("stream", fresh, len(arrivals) - len(fresh))
    return Outcome(len(fresh), len(arrivals) - len(fresh), applied.wants_sync, applied.usernames)


def ingest_webhook(server_id: int, webhook: Webhook, received_at: datetime) -> Outcome:
    """Store and apply the event of one POST, unless it is known already.

    It is safely stored when this returns.

    Raises:
        Fenced: the server is not linked any more.
        django.db.OperationalError: the database did not take it; the server sends it again.
    """
    with transaction.atomic():
        server = _server_of_webhook(server_id)
        item, tracing_id = without_nul(webhook.item), storable(webhook.tracing_id)[:128]
        arrival = Arrival(0, received_at, item)
        digest = twins.digest_of(item)
        known = twins.of_webhook(server, item, digest, tracing_id, received_at)
        if known is not None:
            if known.posted_at is None:
                Event.objects.filter(pk=known.pk).update(posted_at=received_at, tracing_id=tracing_id)
            return Outcome(repeated=1)
        applied = _store(server, None, [arrival], {0: digest}, tracing_id=tracing_id)
    _measure("webhook", [arrival], 0)
    return Outcome(1, 0, applied.wants_sync, applied.usernames)


def _measure(source: str, stored: Sequence[Arrival], repeated: int) -> None:
    """How many events, and how long the oldest of them waited until it was stored."""
    if stored:
        count("events_stored", len(stored), source=source)
        observe(
            "ingest_lag_seconds", (datetime.now(UTC) - stored[0].received_at).total_seconds(), source=source
        )
    if repeated:
        count("events_repeated", repeated, source=source)


def _store(
    server: CometServer,
    connection: UUID | None,
    fresh: Sequence[Arrival],
    digests: Mapping[int, str],
    tracing_id: str | None = None,
) -> Applied:
    """Apply what can be read, store everything; without a `connection` it came as a webhook."""
    readable = _readable(fresh)
    applied = apply_to_mirror(server, readable)
    gaps.mark(server.pk, timezone.now(), wants_sync=applied.wants_sync, usernames=applied.usernames)
    rows = _rows(server, connection, fresh, readable, applied)
    for row, arrival in zip(rows, fresh, strict=True):
        row.digest = digests.get(arrival.position, "")
        if connection is None:
            row.source, row.position = Event.Source.WEBHOOK, None
            row.posted_at, row.tracing_id = arrival.received_at, tracing_id or ""
    Event.objects.bulk_create(rows)
    publish_all(
        Fact("activity.added", row.placement.tenant_id, {"event": row.pk, "server": server.pk})
        for row in rows
    )
    if fresh:
        _note_heard(server, fresh[-1].received_at)
    return applied


def _cleaned(arrival: Arrival) -> Arrival:
    if isinstance(arrival.item, BadFrame) or (item := without_nul(arrival.item)) is arrival.item:
        return arrival
    return replace(arrival, item=item)


def _readable(arrivals: Sequence[Arrival]) -> dict[int, StreamedEvent]:
    """Those that are events, by position."""
    return {
        arrival.position: arrival.item
        for arrival in arrivals
        if isinstance(arrival.item, StreamedEvent)
        and OWN_TYPES.stop <= arrival.item.event.type <= HIGHEST_TYPE
    }


def _without_posted(
    server: CometServer, connection: UUID, fresh: Sequence[Arrival], digests: Mapping[int, str]
) -> list[Arrival]:
    """What no webhook has brought; the rows of those that one has learn their place in the stream."""
    waiting = twins.of_webhooks(server, digests.values(), fresh[-1].received_at)
    kept = []
    for arrival in fresh:
        rows = waiting.get(digests.get(arrival.position, ""))
        if rows:
            posted = Event.objects.filter(pk=rows.pop(0).pk)
            posted.update(connection=connection, position=arrival.position)
        else:
            kept.append(arrival)
    return kept


def _server_of_webhook(server_id: int) -> CometServer:
    """The server, locked as a batch of its stream would lock it, so that the two never match at once."""
    StreamLease.objects.get_or_create(server_id=server_id)
    StreamLease.objects.select_for_update().get(server_id=server_id)
    server = CometServer.objects.filter(pk=server_id, unlinking_at=None).first()
    if server is None:
        raise Fenced(f"server {server_id} was unlinked")
    return server


def _server_under(server_id: int, fence: int) -> CometServer:
    """The server, as long as `fence` is its lease's; no other relay gets the lease until the commit."""
    lease = StreamLease.objects.select_for_update().filter(server=server_id, fence=fence).first()
    if lease is None:
        raise Fenced(f"the stream of server {server_id} is not held with fence {fence}")
    return CometServer.objects.get(pk=server_id)


def _note_heard(server: CometServer, heard_at: datetime) -> None:
    if server.last_event_at is None or heard_at - server.last_event_at >= HEARD_EVERY:
        CometServer.objects.filter(pk=server.pk).update(last_event_at=heard_at)
        publish_all([Fact("server.heard", server.tenant_id, {"server": server.pk})])


def _rows(
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
            _fill(row, item, places, applied.problems.get(arrival.position, ""))
        rows.append(row)
    return rows


def _fill(row: Event, item: StreamedEvent, places: Places, problem: str) -> None:
    event = item.event
    job, device = places.job_of(event), places.device_of(event)
    row.job = job
    row.device = device or (job.device if job else None)
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
    reason = item.reason if isinstance(item, BadFrame) else f"the type {item.event.type} is no type"
    row.type = 0
    row.placement = places.itself
    row.happened_at = arrival.received_at
    row.summary = UNREADABLE
    row.data = {"length": len(item.text)}
    row.problem = f"This is not an event as Comet Servers send them: {reason}."
    note_refusal("event", "unreadable", server_id=row.server_id, why=reason, length=len(item.text))


def _happened_at(timestamp: int, received_at: datetime) -> datetime:
    """The event's own time; the time of its arrival where it has none, or one that cannot be."""
    try:
        moment = datetime.fromtimestamp(timestamp, UTC)
    except (OverflowError, ValueError, OSError):
        return received_at
    return moment if EARLIEST <= moment <= received_at + AHEAD else received_at
