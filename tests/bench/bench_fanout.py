"""One web process and 1,000 open pages: what it costs to tell all of them what happened.

200 events a second are stored and published as `live` does it. The same frames are then sent to as
many browsers by a plain Channels group and by Node's `ws`, at the same pace. What counts is the CPU
that the server process itself used.

`deliveries` counts what each further browser costs: each server is measured with one browser too,
and that is taken off, since the peers are given ready frames where the hub reads and renders them.
`deliveries-with-rendering` takes nothing off.
"""

import json
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final, NamedTuple

import psutil
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer

from portal.core.events import Fact, publish_all
from portal.live.hub import RECENT_SECONDS
from portal.live.models import Event
from portal.servers.models import Placement
from tests.bench.fanout.channels_peer import GROUP
from tests.bench.fanout.people import populate
from tests.bench.fanout.servers import Server, node_server, open_browsers, python_server
from tests.bench.harness import NotMeasured, Result, migrated_database

BROWSERS: Final = 1000
EVENTS_PER_SECOND: Final = 200
TICKS_PER_SECOND: Final = 5
STUCK: Final = 1
LATENCY_GOAL_MS: Final = 350.0
COST_GOAL_US: Final = 1.5
MEMORY_GOAL_KB: Final = 120.0
EVENT_ID: Final = re.compile(r'id="event-(\d+)"')
PATIENCE_SECONDS: Final = 30.0
CPU_CLOCK_SECONDS: Final = 0.01
"""The kernel counts no finer."""


class Spans(NamedTuple):
    """Seconds."""

    warm_up: float = 1.0
    """At the same pace, before anything is measured: what is loaded or compiled once is."""
    events: float = 5.0
    idle: float = 1.0
    """Nothing has come for so long: everything that was on its way has arrived."""
    quiet: float = RECENT_SECONDS
    """Before many browsers join, which would be told what happened just before."""


WHOLE: Final = Spans()
PEERS: Final = ("channels-group-send", "node-ws")
TIMES_THE_PEER: Final = {"channels-group-send": 10.0, "node-ws": 0.7}
"""The goal: at least so many deliveries for the CPU second in which the peer makes one."""

SMALL: Final = {"browsers": 3, "spans": Spans(0.2, 0.4, 0.2, 0.0), "peers": PEERS[:1]}


def run(
    browsers: int = BROWSERS, spans: Spans = WHOLE, peers: tuple[str, ...] = PEERS
) -> Iterator[Result | NotMeasured]:
    with tempfile.TemporaryDirectory(prefix="perihelion-fanout-") as name, migrated_database():
        bench = Fanout(Path(name), *populate(browsers), spans)
        with python_server("portal.asgi:application") as server:
            alone = bench.measure_hub(server, bench.cookies[:1])
            hub = bench.measure_hub(server, bench.cookies)
            yield from hub.results()
            yield from _beside_a_stuck_browser(bench.measure_hub(server, bench.cookies, STUCK))
        whole, further = Cost(hub.cpu, hub.delivered), Cost(hub.cpu - alone.cpu, hub.delivered)
        for peer in PEERS:
            if why_not := _why_not(peer, peers):
                yield NotMeasured(f"fanout.deliveries beside {peer}", why_not)
                continue
            measure = bench.measure_channels if peer == PEERS[0] else bench.measure_node
            peer_whole, peer_further = measure(hub.frames)
            goal = TIMES_THE_PEER[peer]
            for figure, ours, other in (
                ("fanout.deliveries", further, peer_further),
                ("fanout.deliveries-with-rendering", whole, peer_whole),
            ):
                yield Result(figure, ours.rate, "/cpu-s", other.rate, peer, least=goal)


def _why_not(peer: str, peers: tuple[str, ...]) -> str:
    """Why it cannot be compared with this peer; empty where it can."""
    if peer not in peers:
        return "left out"
    return "npm is not on the PATH" if peer == "node-ws" and shutil.which("npm") is None else ""


class Cost(NamedTuple):
    """CPU seconds, and how many frames came to browsers for it."""

    cpu_seconds: float
    deliveries: int

    @property
    def rate(self) -> float:
        return self.deliveries / max(self.cpu_seconds, CPU_CLOCK_SECONDS)


class Measured:
    """What came to the browsers, and what the server used for it."""

    def __init__(
        self, told: dict[str, Any], sent: dict[int, float], cpu: float, kb_per_browser: float, browsers: int
    ) -> None:
        self.sent = sent
        self.cpu = cpu
        self.kb_per_browser = kb_per_browser
        self.browsers = browsers
        """That read."""
        by_first_arrival = sorted(told["frames"], key=lambda frame: frame[1][0])
        self.frames = [text for text, _ in by_first_arrival]
        self.delivered = sum(len(times) for _, times in by_first_arrival)
        self.latencies: list[float] = []
        for text, times in by_first_arrival:
            for event in {int(number) for number in EVENT_ID.findall(text)} & sent.keys():
                self.latencies += [(at - sent[event]) * 1000 for at in times]
        self.latencies.sort()

    @property
    def p99(self) -> float:
        return self.latencies[int(len(self.latencies) * 0.99)]

    @property
    def arrived(self) -> float:
        """Of all events for all browsers that read, the percentage that came."""
        return 100 * len(self.latencies) / (len(self.sent) * self.browsers)

    def results(self) -> Iterator[Result]:
        yield Result("fanout.events-that-arrived", self.arrived, "%", 100, "all", least=1)
        yield Result("fanout.event-p99", self.p99, "ms", LATENCY_GOAL_MS, "limit", most=1)
        cost = self.cpu / len(self.latencies) * 1e6
        yield Result("fanout.cpu-per-delivered-event", cost, "us", COST_GOAL_US, "limit", most=1)
        yield Result(
            "fanout.memory-per-idle-browser", self.kb_per_browser, "KB", MEMORY_GOAL_KB, "limit", most=1
        )


def _beside_a_stuck_browser(beside: Measured) -> Iterator[Result]:
    """The same once more, with one browser that does not read."""
    name = "fanout.event-p99-beside-a-stuck-browser"
    yield Result(name, beside.p99, "ms", LATENCY_GOAL_MS, "limit", most=1)
    yield Result("fanout.events-that-arrived-beside-it", beside.arrived, "%", 100, "all", least=1)


class Fanout:
    """How many browsers are told of how many events, and where the rows are."""

    def __init__(self, folder: Path, placement: Placement, cookies: list[str], spans: Spans) -> None:
        self.folder = folder
        self.placement = placement
        self.cookies = cookies
        """One browser's session each."""
        self.spans = spans

    def measure_hub(self, server: Server, cookies: list[str], stuck: int = 0) -> Measured:
        path = "/ws/live/?topics=activity"
        with open_browsers(self.folder, server, path, cookies[:1], 0):
            _publish_events(self.placement, self.spans.warm_up)
            time.sleep(self.spans.idle + (self.spans.quiet if len(cookies) > 1 else 0))
            empty_kb = _memory_kb(server)
        with open_browsers(self.folder, server, path, cookies, stuck) as ask:
            time.sleep(self.spans.idle)
            kb = (_memory_kb(server) - empty_kb) / len(cookies)
            ask("mark")
            began = _cpu_seconds(server)
            sent = _publish_events(self.placement, self.spans.events)
            self._wait_until_quiet(ask)
            used = _cpu_seconds(server) - began
            return Measured(json.loads(ask("report")), sent, used, kb, len(cookies) - stuck)

    def _wait_until_quiet(self, ask: Callable[[str], str]) -> None:
        """Until something came, and then nothing more."""
        until = time.monotonic() + PATIENCE_SECONDS
        before, count = -1, 0
        while (count != before or not count) and time.monotonic() < until:
            time.sleep(self.spans.idle)
            before, count = count, int(ask("count"))

    def measure_channels(self, frames: list[str]) -> tuple[Cost, Cost]:
        layer = get_channel_layer()

        def send(text: str) -> None:
            async_to_sync(layer.group_send)(GROUP, {"type": "frame", "text": text})

        with python_server("tests.bench.fanout.channels_peer:application") as server:
            return self._measure_peer(server, "/all/", frames, send)

    def measure_node(self, frames: list[str]) -> tuple[Cost, Cost]:
        with node_server(self.folder) as server:

            def send(text: str) -> None:
                connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
                connection.request("POST", "/", body=text.encode())
                connection.getresponse().read()
                connection.close()

            return self._measure_peer(server, "/", frames, send)

    def _measure_peer(
        self, server: Server, path: str, frames: list[str], send: Callable[[str], None]
    ) -> tuple[Cost, Cost]:
        """For the very frames the hub sent, at its pace: what all of it cost, and the further browsers."""
        alone, _ = self._measure_frames(server, path, frames, send, browsers=1)
        used, delivered = self._measure_frames(server, path, frames, send, browsers=len(self.cookies))
        return Cost(used, delivered), Cost(used - alone, delivered)

    def _measure_frames(
        self, server: Server, path: str, frames: list[str], send: Callable[[str], None], *, browsers: int
    ) -> tuple[float, int]:
        with open_browsers(self.folder, server, path, ["-"] * browsers, 0) as ask:
            for _ in _paced(frames[: round(TICKS_PER_SECOND * self.spans.warm_up)], TICKS_PER_SECOND, send):
                pass
            time.sleep(self.spans.idle)
            ask("mark")
            began = _cpu_seconds(server)
            for _ in _paced(frames, TICKS_PER_SECOND, send):
                pass
            self._wait_until_quiet(ask)
            used = _cpu_seconds(server) - began
            return used, sum(len(times) for _, times in json.loads(ask("report"))["frames"])


def _publish_events(placement: Placement, seconds: float) -> dict[int, float]:
    """Store and publish, a few at a time; gives when each event was published."""
    sent: dict[int, float] = {}
    per_step = EVENTS_PER_SECOND // 20

    def step(number: int) -> None:
        now = datetime.now(UTC)
        rows = [
            Event(
                server_id=placement.server_id,
                placement=placement,
                received_at=now,
                happened_at=now,
                type=4201,
                type_string="SEVT_JOB_COMPLETED",
                state="succeeded",
                summary=f"Backup of a file server succeeded, number {number}-{nth}",
            )
            for nth in range(per_step)
        ]
        stored = Event.objects.bulk_create(rows)
        at = time.time()
        facts = [{"event": row.pk, "server": row.server_id} for row in stored]
        publish_all([Fact("activity.added", placement.tenant_id, ids) for ids in facts])
        sent.update((row.pk, at) for row in stored)

    for _ in _paced(range(round(seconds * 20)), 20, step):
        pass
    return sent


def _paced(items: Any, per_second: float, work: Callable[[Any], None]) -> Iterator[None]:
    began = time.monotonic()
    for number, item in enumerate(items):
        time.sleep(max(0.0, began + number / per_second - time.monotonic()))
        work(item)
        yield


def _cpu_seconds(server: Server) -> float:
    times = psutil.Process(server.pid).cpu_times()
    return times.user + times.system


def _memory_kb(server: Server) -> float:
    return psutil.Process(server.pid).memory_info().rss / 1024
