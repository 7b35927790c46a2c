"""One server's event stream: open, read, hand over in batches, open again."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError
from websockets.exceptions import ConnectionClosed

import comet
from comet.stream import BadFrame, EventStream, StreamedEvent
from portal.core.addresses import address_guard
from portal.core.encryption import SecretUnreadable
from portal.live.fences import Fenced
from portal.live.gaps import known_until, note_gap, queue_profile_reads
from portal.live.ingest import Arrival, Outcome, ingest
from portal.live.leases import Held
from portal.live.mirror import asked_types
from portal.live.observing import Cause
from portal.live.opening import followed, open_in_turn, session_key, until_hello
from portal.live.stream_state import note_down, note_up
from portal.servers.models import CometServer

IDLE_SECONDS: Final = 300.0
OPEN_SECONDS: Final = 10.0
FIRST_PAUSE_SECONDS: Final = 0.25
LONGEST_PAUSE_SECONDS: Final = 15.0
UNREADABLE_PAUSE_SECONDS: Final = 60.0
"""Pause while the credential cannot be read: a new credential, or other keys, start the stream anew."""

STEADY_SECONDS: Final = 20.0
"""A stream that lived this long starts the pauses from the first again."""

BATCH_EVENTS: Final = 200
BATCH_SECONDS: Final = 0.03
LONGEST_BATCH_SECONDS: Final = 0.25
BUSY_PER_SECOND: Final = 100
"""A stream that tells more is stored in longer batches: what a batch costs whatever is in it is shared."""

BACKLOG_EVENTS: Final = 5000
"""Read ahead of the database; then reading stops, and a server that cannot wait ends the stream."""

LAST_WRITE_SECONDS: Final = 5.0

PING_UNANSWERED: Final = 1011
"""The code by which the websocket is closed here when a ping has had no answer."""

UNANSWERED_SECONDS: Final = 40.0
"""So long before that the last ping was answered: one is sent, and waited for, every 20 s."""

REACHED_ERRORS: Final = (comet.CometError, SecretUnreadable, LookupError, OSError)
InThread = Callable[..., Awaitable[Any]]
Arrivals = asyncio.Queue[Arrival | None]
"""None is the last."""

log = structlog.get_logger(__name__)


class ServerStream:
    """Follows the stream of one server under one lease until cancelled or fenced off."""

    def __init__(
        self, held: Held, in_thread: InThread, in_call_thread: InThread, turns: asyncio.Semaphore
    ) -> None:
        self._held = held
        self._turns = turns
        self._in_thread = in_thread
        self._in_call_thread = in_call_thread
        self._arrivals: Arrivals | None = None
        self._unheard_since, self._unheard_cause = datetime.now(UTC), Cause.CUT
        self.is_open = False
        self.events = 0
        """Read so far, over all connections."""

    @property
    def waiting(self) -> int:
        """Events read that are not stored yet."""
        return self._arrivals.qsize() if self._arrivals is not None else 0

    async def run(self) -> None:
        failures = 0
        while True:
            loop = asyncio.get_running_loop()
            began = loop.time()
            self.is_open = False
            try:
                await self._follow()
            except Fenced as exc:
                log.info("stream.fenced", server_id=self._held.server_id, reason=str(exc))
                return
            except REACHED_ERRORS as exc:
                if self.is_open and isinstance(exc, comet.Timeout):
                    log.info("stream.silent", server_id=self._held.server_id, seconds=IDLE_SECONDS)
                    continue  # quiet, or dead: only opening it again tells
                steady = self.is_open and loop.time() - began > STEADY_SECONDS
                failures = 1 if steady else failures + 1
                await self._note_failure(exc, failures)
                if isinstance(exc, SecretUnreadable):
                    await asyncio.sleep(UNREADABLE_PAUSE_SECONDS)
                    continue
            except (DatabaseError, InterfaceError) as exc:
                failures += 1
                log.warning("stream.database_failed", server_id=self._held.server_id, error=str(exc))
            except Exception as exc:
                failures += 1
                log.exception("stream.failed", server_id=self._held.server_id)
                await self._note_failure(exc, failures)
            await asyncio.sleep(pause_after(failures))

    async def _follow(self) -> None:
        """One connection, from sign-in to its end. Ends by raising."""
        server = await self._in_thread(followed, self._held.server_id)
        stream = await self._opened(server)
        try:
            came = await until_hello(stream)
            await self._in_thread(
                _note_opened, server, self._held.fence, self._unheard_since, self._unheard_cause
            )
            log.info("stream.opened", server_id=self._held.server_id)
            self.is_open = True
            await self._pump(stream, came)
        finally:
            await stream.close()

    async def _opened(self, server: CometServer) -> EventStream:
        """The server's stream, signed in. A session key that ran out meanwhile is renewed."""
        key = await self._in_call_thread(session_key, server)
        stream = self._stream_with(key)
        try:
            await open_in_turn(stream, self._turns)
        except comet.Forbidden:
            renewed = await self._in_call_thread(session_key, server, renew=True)
            if renewed == key:
                raise
            stream = self._stream_with(renewed)
            await open_in_turn(stream, self._turns)
        return stream

    def _stream_with(self, key: comet.SessionKey) -> EventStream:
        return EventStream(
            self._held.api_url,
            key,
            allow_list=asked_types() or None,
            open_timeout=OPEN_SECONDS,
            idle_timeout=IDLE_SECONDS,
            address_guard=address_guard(),
            ca_file=settings.COMET_CA_FILE,
        )

    async def _pump(self, stream: EventStream, came: Sequence[StreamedEvent | BadFrame]) -> None:
        """Read and write side by side, after what came already; it is written, however the stream ends."""
        arrivals: Arrivals = asyncio.Queue(BACKLOG_EVENTS)
        self._arrivals = arrivals
        for position, item in enumerate(came):
            arrivals.put_nowait(Arrival(position, datetime.now(UTC), item))
        self.events += len(came)
        writer = asyncio.create_task(self._write(arrivals, uuid4()))
        reader = asyncio.create_task(self._read(stream, arrivals, len(came)))
        try:
            await asyncio.wait({reader, writer}, return_when=asyncio.FIRST_COMPLETED)
            if writer.done():
                await writer  # raises
            await arrivals.put(None)
            await writer
            await reader  # raises
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)
            if not writer.done():
                await _finish(writer, arrivals)

    async def _read(self, stream: EventStream, arrivals: Arrivals, position: int) -> None:
        """Never returns: reading a stream ends by raising. `position` is that of the next frame."""
        unsure_for = timedelta()
        try:
            async for item in stream:
                await arrivals.put(Arrival(position, datetime.now(UTC), item))
                position += 1
                self.events += 1
        except comet.CometError as exc:
            unsure_for = _unsure_for(exc)
            raise
        finally:
            self._unheard_since = datetime.now(UTC) - unsure_for
            self._unheard_cause = Cause.SILENT if unsure_for else Cause.CUT

    async def _write(self, arrivals: Arrivals, connection: UUID) -> None:
        ended, seconds = False, BATCH_SECONDS
        while not ended:
            batch, ended = await next_batch(arrivals, seconds)
            seconds = batch_seconds_after(len(batch), seconds)
            if batch:
                await self._follow_up(await self._ingest(batch, connection))

    async def _ingest(self, batch: list[Arrival], connection: UUID) -> Outcome:
        """Give the batch to the database until it takes it, or another relay holds the lease."""
        failures = 0
        while True:
            try:
                outcome: Outcome = await self._in_thread(
                    ingest, self._held.server_id, connection, batch, fence=self._held.fence
                )
                return outcome
            except (OperationalError, InterfaceError) as exc:
                failures += 1
                log.warning("ingest.retried", server_id=self._held.server_id, error=str(exc))
                await asyncio.sleep(pause_after(failures))

    async def _follow_up(self, outcome: Outcome) -> None:
        if outcome.wants_sync:
            await self._in_thread(note_gap, self._held.server_id, datetime.now(UTC), settle=True)
        elif outcome.usernames:
            await self._in_thread(queue_profile_reads, self._held.server_id, outcome.usernames)

    async def _note_failure(self, exc: Exception, failures: int) -> None:
        log.warning("stream.down", server_id=self._held.server_id, failures=failures, error=str(exc))
        try:
            await self._in_thread(
                note_down,
                self._held.server_id,
                fence=self._held.fence,
                since=self._unheard_since,
                problem=exc,
            )
        except (DatabaseError, InterfaceError) as problem:
            log.warning("stream.not_noted", server_id=self._held.server_id, error=str(problem))


def batch_seconds_after(events: int, seconds: float) -> float:
    """For how long the next batch is gathered, after so many events within `seconds`."""
    return LONGEST_BATCH_SECONDS if events > BUSY_PER_SECOND * seconds else BATCH_SECONDS


def pause_after(failures: int) -> float:
    """Seconds before the next attempt: quick at first, doubling, with jitter."""
    longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** min(failures, 10))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311


def _unsure_for(exc: comet.CometError) -> timedelta:
    """How long before its end nobody can say that the connection still carried events."""
    if isinstance(exc, comet.Timeout):
        return timedelta(seconds=IDLE_SECONDS)
    closed = exc.__cause__
    if (
        isinstance(closed, ConnectionClosed)
        and closed.sent is not None
        and closed.sent.code == PING_UNANSWERED
    ):
        return timedelta(seconds=UNANSWERED_SECONDS)
    return timedelta()


async def _finish(writer: asyncio.Task[None], arrivals: Arrivals) -> None:
    """Let the writer store what was read, for a while; then it is cancelled."""
    try:
        async with asyncio.timeout(LAST_WRITE_SECONDS):
            await arrivals.put(None)
            await writer
    except (TimeoutError, Fenced, DatabaseError, InterfaceError) as exc:
        log.warning("stream.events_not_stored", count=arrivals.qsize(), error=str(exc))


async def next_batch(arrivals: Arrivals, seconds: float) -> tuple[list[Arrival], bool]:
    """What arrives within `seconds` of the first, at most BATCH_EVENTS; and whether it was the last.

    One wait and no more: to be woken by each event would cost as much as to read it.
    """
    arrival = await arrivals.get()
    if arrival is not None and arrivals.qsize() < BATCH_EVENTS:
        await asyncio.sleep(seconds)
    batch: list[Arrival] = []
    while arrival is not None:
        batch.append(arrival)
        if len(batch) == BATCH_EVENTS or arrivals.empty():
            return batch, False
        arrival = arrivals.get_nowait()
    return batch, True


def _note_opened(server: CometServer, fence: int, since: datetime, cause: Cause) -> None:
    """What happened while nobody listened has to be read; from now on events tell."""
    note_gap(server.pk, known_until(server))
    note_up(server.pk, fence=fence, since=since, cause=cause)
