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
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final, NamedTuple

import psutil
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore

from portal.accounts.models import Membership, User
from portal.accounts.sessions import SEEN_AT, SIGNED_IN_AT
from portal.core.events import Fact, publish_all
from portal.live.models import Event
from portal.servers.models import CometServer, Placement
from portal.servers.placements import ensure_placements
from portal.tenants.services import create_tenant
from tests.bench.fanout.channels_peer import GROUP
from tests.bench.fanout.servers import Server, node_server, python_server
from tests.bench.harness import Result, migrated_database

BROWSERS: Final = 1000
EVENTS_PER_SECOND: Final = 200
TICKS_PER_SECOND: Final = 5
SECONDS: Final = 10
STUCK: Final = 1
LATENCY_GOAL_MS: Final = 350.0
COST_GOAL_US: Final = 1.5
MEMORY_GOAL_KB: Final = 120.0
EVENT_ID: Final = re.compile(r'id="event-(\d+)"')
IDLE_SECONDS: Final = 1.0
"""Nothing has come for so long: everything that was on its way has arrived."""


def run() -> Iterator[Result]:
    with tempfile.TemporaryDirectory(prefix="perihelion-fanout-") as name, migrated_database():
        folder = Path(name)
        placement, cookies = _populate()
        hub = _measure_hub(folder, placement, cookies)
        yield from hub.results()
        yield from _measure_stuck(folder, placement, cookies, hub)
        alone = _measure_hub(folder, placement, cookies[:1])
        peers = {
            "channels-group-send": _measure_channels(folder, hub.frames),
            "node-ws": _measure_node(folder, hub.frames),
        }
        whole, further = Cost(hub.cpu, hub.delivered), Cost(hub.cpu - alone.cpu, hub.delivered)
        for name, (peer_whole, peer_further) in peers.items():
            yield Result("fanout.deliveries", further.rate, "/cpu-s", peer_further.rate, name)
            yield Result("fanout.deliveries-with-rendering", whole.rate, "/cpu-s", peer_whole.rate, name)


class Cost(NamedTuple):
    """CPU seconds, and how many frames came to browsers for it."""

    cpu_seconds: float
    deliveries: int

    @property
    def rate(self) -> float:
        return self.deliveries / self.cpu_seconds


class Measured:
    """What came to the browsers, and what the server used for it."""

    def __init__(
        self, told: dict[str, Any], sent: dict[int, float], cpu: float, kb_per_browser: float
    ) -> None:
        self.sent = sent
        self.cpu = cpu
        self.kb_per_browser = kb_per_browser
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

    def arrived(self, browsers: int) -> float:
        """Of all events for all browsers, the share that came."""
        return len(self.latencies) / (len(self.sent) * browsers)

    def results(self) -> Iterator[Result]:
        yield Result("fanout.events-that-arrived", 100 * self.arrived(BROWSERS), "%", 100, "all")
        yield Result("fanout.event-p99", self.p99, "ms", LATENCY_GOAL_MS, "limit")
        cost = self.cpu / len(self.latencies) * 1e6
        yield Result("fanout.cpu-per-delivered-event", cost, "us", COST_GOAL_US, "limit")
        yield Result("fanout.memory-per-idle-browser", self.kb_per_browser, "KB", MEMORY_GOAL_KB, "limit")


def _measure_hub(folder: Path, placement: Placement, cookies: list[str], stuck: int = 0) -> Measured:
    with python_server("portal.asgi:application") as server:
        with _browsers(folder, server, "/ws/live/?topics=activity", cookies[:1], 0):
            time.sleep(IDLE_SECONDS)  # everything that is loaded once is loaded
            empty_kb = _memory_kb(server)
        with _browsers(folder, server, "/ws/live/?topics=activity", cookies, stuck) as ask:
            time.sleep(IDLE_SECONDS)
            kb = (_memory_kb(server) - empty_kb) / len(cookies)
            ask("mark")
            began = _cpu_seconds(server)
            sent = _publish_events(placement)
            time.sleep(IDLE_SECONDS)
            used = _cpu_seconds(server) - began
            return Measured(json.loads(ask("report")), sent, used, kb)


def _measure_stuck(folder: Path, placement: Placement, cookies: list[str], hub: Measured) -> Iterator[Result]:
    """The same once more, with one browser that does not read."""
    beside = _measure_hub(folder, placement, cookies, STUCK)
    yield Result("fanout.event-p99-beside-a-stuck-browser", beside.p99, "ms", hub.p99, "without-it")
    arrived = 100 * beside.arrived(BROWSERS - STUCK)
    yield Result("fanout.events-that-arrived-beside-it", arrived, "%", 100, "all")


def _measure_channels(folder: Path, frames: list[str]) -> tuple[Cost, Cost]:
    layer = get_channel_layer()

    def send(text: str) -> None:
        async_to_sync(layer.group_send)(GROUP, {"type": "frame", "text": text})

    with python_server("tests.bench.fanout.channels_peer:application") as server:
        return _measure_peer(folder, server, "/all/", frames, send)


def _measure_node(folder: Path, frames: list[str]) -> tuple[Cost, Cost]:
    with node_server(folder) as server:

        def send(text: str) -> None:
            connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
            connection.request("POST", "/", body=text.encode())
            connection.getresponse().read()
            connection.close()

        return _measure_peer(folder, server, "/", frames, send)


def _measure_peer(
    folder: Path, server: Server, path: str, frames: list[str], send: Callable[[str], None]
) -> tuple[Cost, Cost]:
    """For the very frames the hub sent, at its pace: what all of it cost, and the further browsers."""
    alone, _ = _measure_frames(folder, server, path, frames, send, browsers=1)
    used, delivered = _measure_frames(folder, server, path, frames, send, browsers=BROWSERS)
    return Cost(used, delivered), Cost(used - alone, delivered)


def _measure_frames(
    folder: Path,
    server: Server,
    path: str,
    frames: list[str],
    send: Callable[[str], None],
    *,
    browsers: int,
) -> tuple[float, int]:
    with _browsers(folder, server, path, ["-"] * browsers, 0) as ask:
        time.sleep(IDLE_SECONDS)
        ask("mark")
        began = _cpu_seconds(server)
        for _ in _paced(frames, TICKS_PER_SECOND, send):
            pass
        time.sleep(IDLE_SECONDS)
        used = _cpu_seconds(server) - began
        return used, sum(len(times) for _, times in json.loads(ask("report"))["frames"])


def _publish_events(placement: Placement) -> dict[int, float]:
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

    for _ in _paced(range(SECONDS * 20), 20, step):
        pass
    return sent


def _paced(items: Any, per_second: float, work: Callable[[Any], None]) -> Iterator[None]:
    began = time.monotonic()
    for number, item in enumerate(items):
        time.sleep(max(0.0, began + number / per_second - time.monotonic()))
        work(item)
        yield


@contextmanager
def _browsers(
    folder: Path, server: Server, path: str, cookies: list[str], stuck: int
) -> Iterator[Callable[[str], str]]:
    """Sockets open to `server`; what is yielded gives an order and returns the answer."""
    urls = folder / "urls"
    urls.write_text("".join(f"ws://127.0.0.1:{server.port}{path} {cookie}\n" for cookie in cookies))
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.fanout.browsers", str(urls), str(stuck)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    stdin, stdout = process.stdin, process.stdout
    try:
        if stdout.readline().strip() != "open":
            raise RuntimeError("the browsers could not connect")

        def ask(order: str) -> str:
            stdin.write(f"{order}\n")
            stdin.flush()
            return stdout.readline()

        yield ask
    finally:
        process.kill()
        process.wait()


def _cpu_seconds(server: Server) -> float:
    times = psutil.Process(server.pid).cpu_times()
    return times.user + times.system


def _memory_kb(server: Server) -> float:
    return psutil.Process(server.pid).memory_info().rss / 1024


def _populate() -> tuple[Placement, list[str]]:
    """A placement whose events everybody may see, and a signed-in session per browser."""
    provider = create_tenant(parent=None, kind="provider", name="Provider")
    server = CometServer.objects.create(
        tenant=provider, name="comet", api_url="http://127.0.0.1:1", browser_url="", license_hash="0"
    )
    placement = ensure_placements(server, []).of_server()
    users = [User(email=f"person{number}@example.com", name=f"Person {number}") for number in range(50)]
    for user in users:
        user.set_unusable_password()
    users = User.objects.bulk_create(users)
    Membership.objects.bulk_create(
        Membership(user=user, tenant=provider, role="technician") for user in users
    )
    return placement, [_session(users[number % len(users)]) for number in range(BROWSERS)]


def _session(user: User) -> str:
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session[SIGNED_IN_AT] = session[SEEN_AT] = time.time()
    session.create()
    return f"{settings.SESSION_COOKIE_NAME}={session.session_key}"
