"""The relay: one process that holds the event streams of many Comet Servers.

Which ones is in the database (`leases`): several relays share them, and the servers of one that died
are taken over. Per server there is one task: sign in, open the stream, hand what comes to `ingest` in
batches, and after each opening ask for a sync, since nothing that happened meanwhile is repeated. What
servers post to the web processes is taken in here as well (`inbox_reader`).
"""

import asyncio
import functools
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final, NamedTuple, TypeVar

import msgspec
import redis
import structlog
from django.db import DatabaseError, InterfaceError, close_old_connections, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from portal.core.events import decode_facts
from portal.core.hearing import hear_facts
from portal.core.heartbeats import forget, name_of_this_process, say_alive
from portal.live.inbox import POSTED
from portal.live.inbox_reader import InboxReader
from portal.live.leases import RELAY, RENEW, Held, Holding, hold, release
from portal.live.server_stream import ServerStream

DATABASE_THREADS: Final = 8
"""On SQLite one: it takes one writer at a time, and those that wait only ask again and again."""

CALL_THREADS: Final = 32
"""For sign-ins: those to servers that never answer must not keep the database waiting."""

OPENING_AT_ONCE: Final = 32
"""Streams whose handshakes are under way at the same time."""

SETTLE_SECONDS: Final = 0.2
"""Pause after being woken: several facts about one server come close together."""

WAKING: Final = frozenset({"server.linked", "server.unlinked", "server.changed"})

T = TypeVar("T")
log = structlog.get_logger(__name__)


class Running(NamedTuple):
    """A stream this relay holds, and the lease it holds it by."""

    held: Held
    stream: ServerStream
    task: asyncio.Task[None]


class Relay:
    """Holds streams until `stop` is set."""

    def __init__(self, holder: str | None = None) -> None:
        self.holder = holder or name_of_this_process()
        self._streams: dict[int, Running] = {}
        self._events_of_ended = 0
        self._holding: Holding | None = None
        self._connections: list[BaseDatabaseWrapper] = []
        self._ending: set[asyncio.Task[None]] = set()
        is_sqlite = connections["default"].vendor == "sqlite"
        self._threads = ThreadPoolExecutor(
            1 if is_sqlite else DATABASE_THREADS, "relay", initializer=self._keep_connection
        )
        self._call_threads = ThreadPoolExecutor(CALL_THREADS, "relay-calls")
        self._turns = asyncio.Semaphore(OPENING_AT_ONCE)
        self._wake = asyncio.Event()
        self._inbox = InboxReader(self.in_thread)

    async def run(self, stop: asyncio.Event) -> None:
        """Hold leases and their streams; at the end give everything back."""
        log.info("relay.started", holder=self.holder)
        listener = asyncio.create_task(self._listen())
        reader = asyncio.create_task(self._inbox.run())
        stopped = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                self._wake.clear()
                await self._hold()
                waking = asyncio.create_task(self._wake.wait())
                await asyncio.wait(
                    {waking, stopped},
                    timeout=RENEW.total_seconds() * random.uniform(0.5, 1.0),  # noqa: S311
                    return_when=asyncio.FIRST_COMPLETED,
                )
                waking.cancel()
                if self._wake.is_set():
                    await asyncio.sleep(SETTLE_SECONDS)
        finally:
            listener.cancel()
            reader.cancel()
            stopped.cancel()
            await self._end()
            log.info("relay.stopped", holder=self.holder)

    async def in_thread(self, work: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Database work in one of the relay's threads, which keep their connections."""

        def run() -> T:
            close_old_connections()
            return work(*args, **kwargs)

        return await asyncio.get_running_loop().run_in_executor(self._threads, run)

    async def in_call_thread(self, work: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Work that waits for a Comet Server, and may do so for long. It asks no database."""
        call = functools.partial(work, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._call_threads, call)

    async def _hold(self) -> None:
        try:
            self._holding = await self.in_thread(_renewed, self.holder, self.figures(), self._holding)
        except (DatabaseError, InterfaceError) as exc:
            log.warning("relay.leases_not_renewed", error=str(exc))
            return
        held = {one.server_id: one for one in self._holding.streams}
        for server_id, running in list(self._streams.items()):
            if held.get(server_id) != running.held or running.task.done():
                self._events_of_ended += running.stream.events
                self._end_stream(self._streams.pop(server_id))
        for server_id, config in held.items():
            if server_id not in self._streams:
                stream, name = (
                    ServerStream(config, self.in_thread, self.in_call_thread, self._turns),
                    f"server {server_id}",
                )
                before = {task for task in self._ending if task.get_name() == name}
                task = asyncio.create_task(_run_after(before, stream), name=name)
                self._streams[server_id] = Running(config, stream, task)

    def _end_stream(self, running: Running) -> None:
        """Nobody waits for it here: a server that does not say goodbye would hold up the others."""
        if running.task.cancel():
            self._ending.add(running.task)
            running.task.add_done_callback(self._ending.discard)

    def figures(self) -> dict[str, int]:
        """What this relay tells of itself: its streams, the open ones, events read and events waiting."""
        streams = [running.stream for running in self._streams.values()]
        return {
            "streams": len(streams),
            "open": sum(stream.is_open for stream in streams),
            "events": self._events_of_ended + sum(stream.events for stream in streams),
            "waiting": sum(stream.waiting for stream in streams),
        }

    async def _listen(self) -> None:
        """Wake up when a server is linked, changed or unlinked; the regular look misses nothing either."""
        while True:
            try:
                await hear_facts(self._heed)
            except (redis.RedisError, OSError) as exc:
                log.warning("relay.redis_lost", error=str(exc))
                await asyncio.sleep(random.uniform(0.5, 1.5))  # noqa: S311

    def _heed(self, message: bytes) -> None:
        with suppress(msgspec.DecodeError):
            names = {fact.name for fact in decode_facts(message)}
            if names & WAKING:
                self._wake.set()
            if POSTED in names:
                self._inbox.wake()

    async def _end(self) -> None:
        for running in self._streams.values():
            self._end_stream(running)
        self._streams.clear()
        await asyncio.gather(*self._ending, return_exceptions=True)
        try:
            await self.in_thread(release, self.holder)
            await self.in_thread(forget, self.holder)
        except (DatabaseError, InterfaceError) as exc:
            log.warning("relay.leases_not_released", error=str(exc))
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        """Calls to servers that do not answer are left behind: they change nothing here."""
        self._call_threads.shutdown(wait=False, cancel_futures=True)
        self._threads.shutdown(wait=True)
        for connection in self._connections:
            connection.close()

    def _keep_connection(self) -> None:
        """Note a new thread's database connection, so that another thread may close it."""
        connection = connections["default"]
        connection.inc_thread_sharing()
        self._connections.append(connection)


def _renewed(holder: str, figures: dict[str, int], last: Holding | None) -> Holding:
    """Say that this relay is alive; what it holds from now on."""
    say_alive(RELAY, holder, figures)
    return hold(holder, last)


async def _run_after(before: set[asyncio.Task[None]], stream: ServerStream) -> None:
    """Run a server's stream once those before it have ended: what they had read is stored first."""
    if before:
        await asyncio.wait(before)
    await stream.run()
