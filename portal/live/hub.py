"""The hub: one per web process. Facts in, small pieces of pages out, rendered once per tick.

Readers with the same topics and the same sight are one audience and get the same text. Nothing is
rendered that no page of this process shows, no database is asked per reader, and a reader that
cannot keep up costs nobody else.
"""

import asyncio
import random
from collections import Counter, defaultdict, deque
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final
from weakref import WeakKeyDictionary

import msgspec
import redis.asyncio
import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connections

from portal.core.events import Fact, decode_facts
from portal.core.hearing import hear_facts
from portal.live.connection import with_kept_connection
from portal.live.frames import Marks, Wanted, frame, note, note_again, render, split
from portal.live.joins import Joins
from portal.live.marks import marks_html
from portal.live.sockets import RELOAD, Frame, Reader
from portal.live.topics import Audience, Sight, Topic
from portal.live.watching import keep_watch_keys

TICK_SECONDS: Final = 0.2
GATHER_SECONDS: Final = 0.015
"""Pause before the first tick after a quiet time: facts of one transaction come in several messages."""
TRY_AGAIN_SECONDS: Final = 1.0
"""Before the tick that follows one that failed."""

RECENT_SECONDS: Final = 5.0
RECENT_FACTS: Final = 200
"""What happened between the rendering of a page and its joining is sent to it when it joins."""

CARE_SECONDS: Final = 5.0
CARE_SETTLE_SECONDS: Final = 0.5
"""Between being asked for care and taking it: a sign-out says so before its session is gone."""

RECHECK_SECONDS: Final = 45.0
ROUND_SECONDS: Final = 0.5
"""For reading grants again in one go."""

BEAT_SECONDS: Final = 25.0
"""How often an open page hears something even when nothing happens, so that it notices a line that died
without a word: behind a proxy that forgot it, or on a laptop that slept."""

BEAT: Final = "\n"

log = structlog.get_logger(__name__)
_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, "Hub"] = WeakKeyDictionary()


def hub_of_this_process() -> "Hub":
    """The hub of the running loop, made and started when first asked for."""
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs[loop] = Hub()
        _hubs[loop].start()
    return _hubs[loop]


class Hub:
    """Turns facts into frames for the readers that joined."""

    def __init__(self) -> None:
        self.joins = Joins()
        self._audiences: dict[Audience, set[Reader]] = {}
        self._open: Counter[Topic] = Counter()
        self._wanted: Wanted = defaultdict(dict)
        self._marks: Marks = {}
        self._refresh = False
        self._recent: deque[tuple[float, Fact]] = deque(maxlen=RECENT_FACTS)
        self._due = asyncio.Event()
        self._newcomers: list[Reader] = []
        self._somebody_came = asyncio.Event()
        self._care_is_asked = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="hub")
        self._tasks: set[asyncio.Task[Any]] = set()
        self._listening = asyncio.Event()
        self._listening_since: float | None = None
        self._loop = asyncio.get_running_loop()
        self._beat_at = self._loop.time() + BEAT_SECONDS
        self.redis = redis.asyncio.Redis.from_url(
            settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=1
        )

    def start(self) -> None:
        for work in (self._listen(), self._tick_when_due(), self._catch_up_when_due(), self._keep()):
            self._spawn(work)

    async def stop(self) -> None:
        """End its tasks and let go of Redis and the database. Readers are left as they are."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.in_thread(connections.close_all)
        self._thread.shutdown(wait=False)
        await self.redis.aclose()
        _hubs.pop(self._loop, None)

    # Readers

    def join(self, reader: Reader) -> None:
        """Send `reader` what it listens to from now on, and what happened while its page loaded."""
        self._add(reader)
        self._newcomers.append(reader)
        self._somebody_came.set()
        self._care_is_asked.set()

    def leave(self, reader: Reader) -> None:
        readers = self._audiences.get(reader.audience)
        if readers is None or reader not in readers:
            return
        readers.remove(reader)
        if not readers:
            del self._audiences[reader.audience]
        self._open.subtract(reader.topics)
        self._open = +self._open

    def let_go(self, reader: Reader, code: int = RELOAD) -> None:
        """Without waiting for it: it reads the goodbye after all that it has not read yet."""
        self.leave(reader)
        self._spawn(reader.let_go(code))

    def move(self, reader: Reader, *, topics: frozenset[Topic], sight: Sight) -> None:
        """Its grants were read again; from now on it sees what they say, and what its page shows may be
        more, or less, than that: it asks anew.
        """
        if (topics, sight) != reader.audience:
            self.leave(reader)
            reader.topics, reader.sight = topics, sight
            self._add(reader)
            self._spawn(self._deliver([reader], Frame(marks_html([], refresh=True))))

    def readers(self) -> list[Reader]:
        return [reader for readers in self._audiences.values() for reader in readers]

    def _add(self, reader: Reader) -> None:
        self._audiences.setdefault(reader.audience, set()).add(reader)
        self._open.update(reader.topics)
        self._check_later(reader, RECHECK_SECONDS)

    def _check_later(self, reader: Reader, seconds: float) -> None:
        reader.check_at = self._loop.time() + seconds * random.uniform(0.8, 1.2)  # noqa: S311

    # Facts in

    async def _listen(self) -> None:
        while True:
            try:
                await hear_facts(self._hear, self._begin_listening)
            except (redis.RedisError, OSError) as exc:
                log.warning("hub.redis_lost", error=str(exc))
                self._listening.clear()
                await asyncio.sleep(random.uniform(0.2, 1.0))  # noqa: S311

    def _begin_listening(self) -> None:
        """From now on every fact is heard; what was said during a break is lost to pages that are open."""
        if self._listening_since is not None:
            self._refresh = True
            self._due.set()
        self._listening_since = self._loop.time()
        self._listening.set()

    def _hear(self, message: bytes) -> None:
        try:
            facts = decode_facts(message)
            self.take(facts)
        except (msgspec.DecodeError, KeyError) as exc:
            log.warning("hub.fact_unreadable", error=str(exc))

    def take(self, facts: Iterable[Fact]) -> None:
        """Note what facts change for the pages that are open; the next tick sends it."""
        now = self._loop.time()
        for fact in facts:
            self._recent.append((now, fact))
            if fact.name == "access.changed":
                self._recheck(fact.ids["user"])
            elif self._audiences:
                note(fact, self._open, self._wanted, self._marks)
        if self._wanted or self._marks:
            self._due.set()

    # Frames out

    async def _tick_when_due(self) -> None:
        not_before = 0.0
        while True:
            await self._due.wait()
            pause = max(GATHER_SECONDS, not_before - self._loop.time())
            await asyncio.sleep(pause)
            self._due.clear()
            not_before = self._loop.time() + TICK_SECONDS
            try:
                await self._tick()
            except (DatabaseError, InterfaceError) as exc:
                log.warning("hub.database_lost", error=str(exc))
            except Exception:
                log.exception("hub.tick_failed")
                self._refresh = True
            else:
                continue
            not_before = self._loop.time() + TRY_AGAIN_SECONDS
            self._due.set()

    async def _tick(self) -> None:
        wanted, self._wanted = split(self._wanted)
        if self._wanted:
            self._due.set()
        marks, self._marks = self._marks, {}
        try:
            pieces, freshness = await self.in_thread(render, wanted) if wanted else ([], [])
        except (DatabaseError, InterfaceError):  # nothing wrong with the rows: the next tick takes them
            note_again(wanted, marks, self._wanted, self._marks)
            self._wanted, self._marks = wanted, marks
            raise
        refresh, self._refresh = self._refresh, False
        for audience, readers in list(self._audiences.items()):
            text = frame(audience, pieces, [*marks.values(), *freshness], refresh=refresh)
            if text:
                await self._deliver(tuple(readers), Frame(text))

    async def _deliver(self, readers: Iterable[Reader], one: Frame) -> None:
        for reader in readers:
            if reader.is_behind():
                self.let_go(reader)
                continue
            try:
                if (sending := reader.write(one)) is not None:
                    await sending
            except (OSError, RuntimeError):
                self.leave(reader)

    async def _catch_up_when_due(self) -> None:
        while True:
            await self._somebody_came.wait()
            await self._listening.wait()
            self._somebody_came.clear()
            newcomers, self._newcomers = self._newcomers, []
            try:
                await self._catch_up(newcomers)
            except Exception:
                log.exception("hub.catch_up_failed")
                await self._deliver(newcomers, Frame(marks_html([], refresh=True)))

    async def _catch_up(self, newcomers: list[Reader]) -> None:
        """What happened while their pages loaded; all of it may be old where this hub did not hear that.

        Drawn once for all who came while the others were caught up: after a restart everybody comes at once.
        """
        since = self._loop.time() - RECENT_SECONDS
        facts = [fact for heard_at, fact in self._recent if heard_at >= since]
        unheard = (self._listening_since or 0.0) > since or len(facts) == RECENT_FACTS
        topics = frozenset[Topic]().union(*(reader.topics for reader in newcomers))
        wanted: Wanted = defaultdict(dict)
        marks: Marks = {}
        for fact in facts:
            note(fact, topics, wanted, marks)
        pieces, freshness = await self.in_thread(render, wanted) if wanted else ([], [])
        audiences: dict[Audience, list[Reader]] = defaultdict(list)
        for reader in newcomers:
            if reader in self._audiences.get(reader.audience, ()):  # it may have left, or moved
                audiences[reader.audience].append(reader)
        for audience, readers in audiences.items():
            text = frame(audience, pieces, [*marks.values(), *freshness], refresh=unheard)
            if text:
                await self._deliver(readers, Frame(text))

    # Care

    async def _keep(self) -> None:
        """Read grants again in time, and say which servers' running Jobs somebody looks at."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(CARE_SECONDS):
                    await self._care_is_asked.wait()
            await asyncio.sleep(CARE_SETTLE_SECONDS)
            self._care_is_asked.clear()
            try:
                await self.care()
            except (redis.RedisError, OSError) as exc:
                log.warning("hub.redis_lost", error=str(exc))
            except Exception:
                log.exception("hub.care_failed")

    def _recheck(self, user_id: int) -> None:
        """What this person may see has changed, or the session has ended."""
        for reader in self.readers():
            if reader.user_id == user_id:
                reader.check_at = 0.0
                self._care_is_asked.set()

    async def care(self) -> None:
        now = self._loop.time()
        if now >= self._beat_at:
            self._beat_at = now + BEAT_SECONDS
            await self._deliver(self.readers(), Frame(BEAT))
        await self._check_those_due(now)
        await keep_watch_keys(list(self._audiences), self.redis, self.in_thread)

    async def _check_those_due(self, now: float) -> None:
        """Whose grants changed first. What takes longer than a round goes on in the next, so that a
        sign-out meanwhile waits for one round at most.

        Who was named by a fact is looked at twice: a session may be gone later than that is said.
        """
        due = [reader for reader in self.readers() if reader.check_at <= now]
        for reader in sorted(due, key=lambda one: one.check_at):
            if self._loop.time() - now > ROUND_SECONDS:
                self._care_is_asked.set()
                return
            self._check_later(reader, RECHECK_SECONDS if reader.check_at else CARE_SECONDS)
            try:
                await reader.recheck()
            except Exception:
                reader.check_at = self._loop.time()  # again, after the others
                raise

    async def in_thread(self, work: Any, *args: Any) -> Any:
        """Run `work` in the hub's one thread, which keeps its database connection."""
        return await self._loop.run_in_executor(self._thread, with_kept_connection, work, *args)

    def _spawn(self, work: Any) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
