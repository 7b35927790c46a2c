"""The one door for what Comet Servers report: events, with what follows from them, or nothing.

A batch is one transaction: the lease's fence is checked, the mirror and its roll-ups are written,
the events are stored. Events of one connection are counted by position, so a repeated batch changes
nothing. An event that cannot be read or applied is stored with the reason and holds up no other.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone

from comet.stream import BadFrame, StreamedEvent
from portal.core.events import Fact, publish_all
from portal.core.inserts import Inserts
from portal.core.metrics import count, observe
from portal.core.prepared import Prepared
from portal.core.refusals import note_refusal
from portal.live import extras, gaps, set_aside, twins
from portal.live.event_rows import COLUMNS, Arrival, fill, is_readable, rows_of, values_of
from portal.live.fences import Fenced, locked_server, server_under
from portal.live.mirror import Applied, apply_to_mirror
from portal.live.models import Event, PostedEvent
from portal.live.placing import Places
from portal.live.set_aside import Poison
from portal.live.stored import without_nul
from portal.live.summaries import UNREADABLE
from portal.live.twins import Post
from portal.servers.models import CometServer
from portal.servers.placements import Placements

HEARD_EVERY: Final = timedelta(seconds=1)
"""How often `last_event_at` is written at most."""


_events = Inserts(Event, COLUMNS)
_positions = Prepared(
    lambda connection, first, last: Event.objects.filter(
        connection=connection, position__gte=first, position__lte=last
    ).values_list("position")
)


class Taken(Exception):
    """Another process stored them meanwhile: nothing was written."""


@dataclass(slots=True)
class Outcome:
    """What a batch did, and what has to be read afresh because events did not tell it all."""

    stored: int = 0
    repeated: int = 0
    wants_sync: bool = False
    usernames: set[str] = field(default_factory=set)
    """Users whose profiles changed without the event saying how."""

    def joined(self, other: "Outcome") -> "Outcome":
        """What both did."""
        return Outcome(
            self.stored + other.stored,
            self.repeated + other.repeated,
            self.wants_sync or other.wants_sync,
            self.usernames | other.usernames,
        )


def ingest(server_id: int, connection: UUID, arrivals: Sequence[Arrival], *, fence: int) -> Outcome:
    """Store a batch of one stream connection, and apply it to the mirror.

    What came as a webhook already is neither stored nor applied again. Where a batch cannot be stored
    whole, its halves are, down to the one event that is at fault: that it came is stored, and why not more.

    Raises:
        Fenced: `fence` is not the lease's any more.
        django.db.OperationalError: the database did not take it; the batch may be given again.
    """
    try:
        return _ingest(server_id, connection, arrivals, fence)
    except (Fenced, OperationalError, InterfaceError):
        raise
    except Exception as exc:
        if len(arrivals) == 1:
            return _store_bare(lambda: server_under(server_id, fence), connection, arrivals[0], exc)
        middle = len(arrivals) // 2
        outcome = ingest(server_id, connection, arrivals[:middle], fence=fence)
        return outcome.joined(ingest(server_id, connection, arrivals[middle:], fence=fence))


def _ingest(server_id: int, connection: UUID, arrivals: Sequence[Arrival], fence: int) -> Outcome:
    with transaction.atomic():
        server = server_under(server_id, fence)
        known = {
            position for (position,) in _positions(connection, arrivals[0].position, arrivals[-1].position)
        }
        fresh = [_cleaned(arrival) for arrival in arrivals if arrival.position not in known]
        digests: dict[int, str] = {}
        if fresh and twins.posts(server):
            digests = {place: twins.digest_of(item) for place, item in _readable(fresh).items()}
            fresh = _without_posted(server, connection, fresh, digests)
        applied = _store(server, connection, fresh, digests)
    _measure("stream", fresh, len(arrivals) - len(fresh))
    return Outcome(len(fresh), len(arrivals) - len(fresh), applied.wants_sync, applied.usernames)


def ingest_posts(server_id: int, posts: Sequence[Post]) -> Outcome:
    """Store and apply what came by POST, but for what is known already; none of it is kept as posted then.

    Where that fails as a whole, halves are taken, as of a stream.

    Raises:
        Fenced: the server is not linked any more.
        Taken: another process stored some of them meanwhile.
        django.db.OperationalError: the database did not take it.
    """
    try:
        return _ingest_posts(server_id, posts)
    except (Fenced, Taken, OperationalError, InterfaceError):
        raise
    except Exception as exc:
        if len(posts) == 1:
            arrival = Arrival(0, posts[0].received_at, posts[0].item)
            return _store_bare(lambda: _server_taking(server_id, posts), None, arrival, exc)
        middle = len(posts) // 2
        outcome = ingest_posts(server_id, posts[:middle])
        return outcome.joined(ingest_posts(server_id, posts[middle:]))


def _ingest_posts(server_id: int, posts: Sequence[Post]) -> Outcome:
    with transaction.atomic():
        server = _server_taking(server_id, posts)
        known = twins.Known(server, posts)
        news: list[Post] = []
        for post in posts:
            row = known.event_of(post)
            if row is None:
                known.add(post)
                news.append(post)
            elif row.posted_at is None:
                row.posted_at, row.tracing_id = post.received_at, post.tracing_id
                row.save(update_fields=["posted_at", "tracing_id"])
        fresh = [Arrival(place, post.received_at, post.item) for place, post in enumerate(news)]
        digests = {place: post.digest for place, post in enumerate(news)}
        tracing_ids = [post.tracing_id for post in news]
        applied = _store(server, None, fresh, digests, tracing_ids) if news else Applied()
    _measure("webhook", fresh, len(posts) - len(fresh))
    return Outcome(len(fresh), len(posts) - len(fresh), applied.wants_sync, applied.usernames)


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
    tracing_ids: Sequence[str] = (),
) -> Applied:
    """Apply what can be read, store everything; without a `connection` it came as webhooks."""
    readable = _readable(fresh)
    applied = apply_to_mirror(server, readable, posted=connection is None)
    if len(applied.problems) + len(fresh) > len(readable):
        applied.wants_sync |= set_aside.wants_sync(server)
    gaps.mark(server.pk, timezone.now(), wants_sync=applied.wants_sync, usernames=applied.usernames)
    rows = rows_of(server, connection, fresh, readable, applied)
    for (row, _), arrival in zip(rows, fresh, strict=True):
        row.digest = digests.get(arrival.position, "")
        if connection is None:
            row.source, row.position = Event.Source.WEBHOOK.value, None
            row.posted_at, row.tracing_id = arrival.received_at, tracing_ids[arrival.position]
    ids = _events.write([values_of(row) for row, _ in rows])
    set_aside.keep(
        Poison(pk, server.pk, row.received_at, row.problem, arrival.item.text)
        for pk, (row, _), arrival in zip(ids, rows, fresh, strict=True)
        if row.type == 0 or arrival.position in applied.problems
    )
    if extra := extras.found_in(readable):
        by_position = dict(zip((arrival.position for arrival in fresh), ids, strict=True))
        extras.keep({by_position[position]: fields for position, fields in extra.items()})
    publish_all(
        Fact("activity.added", place.tenant_id, {"event": pk, "server": server.pk})
        for pk, (_, place) in zip(ids, rows, strict=True)
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
        if isinstance(arrival.item, StreamedEvent) and is_readable(arrival.item)
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


def _server_taking(server_id: int, posts: Sequence[Post]) -> CometServer:
    """The locked server; what of `posts` was kept is gone with the commit, and nobody else has it."""
    server = locked_server(server_id)
    kept = [post.kept_as for post in posts if post.kept_as is not None]
    if kept and PostedEvent.objects.filter(pk__in=kept).delete()[0] < len(kept):
        raise Taken
    return server


def _note_heard(server: CometServer, heard_at: datetime) -> None:
    if server.last_event_at is None or heard_at - server.last_event_at >= HEARD_EVERY:
        CometServer.objects.filter(pk=server.pk).update(last_event_at=heard_at)
        publish_all([Fact("server.heard", server.tenant_id, {"server": server.pk})])


def _store_bare(
    server_under: Callable[[], CometServer], connection: UUID | None, arrival: Arrival, exc: Exception
) -> Outcome:
    """Store that an event came which cannot be stored as what it is."""
    is_posted = connection is None
    with transaction.atomic():
        server = server_under()
        note_refusal("event", "not stored", server_id=server.pk, error=type(exc).__name__, exc_info=True)
        row = Event(
            server=server,
            placement=Placements(server).of_server(),
            connection=connection,
            position=None if is_posted else arrival.position,
            source=Event.Source.WEBHOOK if is_posted else Event.Source.STREAM,
            posted_at=arrival.received_at if is_posted else None,
            received_at=arrival.received_at,
            happened_at=arrival.received_at,
            type=0,
            summary=UNREADABLE,
            data={"length": len(arrival.item.text)},
            problem=f"It could not be stored: its values do not fit ({type(exc).__name__}).",
        )
        row.save()
        wants_sync = set_aside.wants_sync(server)
        set_aside.keep([Poison(row.pk, server.pk, row.received_at, row.problem, arrival.item.text)])
        gaps.mark(server.pk, timezone.now(), wants_sync=wants_sync, usernames=())
        publish_all([Fact("activity.added", row.placement.tenant_id, {"event": row.pk, "server": server.pk})])
    return Outcome(1, 0, wants_sync)


def apply_late(server: CometServer, item: StreamedEvent, row: Event) -> tuple[str, Applied]:
    """Apply an event that was set aside, and fill in its stored row; or say why that fails again.

    The caller has a transaction open, and saves the row.
    """
    applied = apply_to_mirror(server, {0: item}, late=True)
    reason = applied.problems.get(0, "")
    if not reason:
        fill(row, item, Places(server, [item.event], applied.jobs))
    return reason, applied
