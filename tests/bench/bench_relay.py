"""One relay that holds 1,000 idle streams over TLS: memory, CPU, and how fast all of them return.

Every stream has its own sign-in, its own TLS connection and its own row of a linked server; one
process stands for all servers, and its restart is the restart of every server at once. What it uses
itself is told beside what the relay uses: its handshakes are part of how long a return takes.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import psutil
from cryptography.fernet import Fernet
from django.conf import settings

from comet.constants import StreamableEventType
from portal.core.encryption import Secret
from portal.demo.children import end_with_parent, stop
from portal.demo.ports import free_port
from portal.live.models import Event
from portal.live.relay_status import list_relays
from portal.servers.models import CometServer
from portal.tenants.services import create_tenant
from tests.bench.harness import Result, migrated_database
from tests.comet.certificates import self_signed

STREAMS: Final = 1000
MEMORY_GOAL_MB: Final = 100.0
CPU_GOAL_PERCENT: Final = 2.0
RETURN_GOAL_SECONDS: Final = 30.0
IDLE_SECONDS: Final = 15.0
SETTLE_SECONDS: Final = 5.0
PATIENCE_SECONDS: Final = 120.0


SMALL: Final = {"streams": 3, "idle_seconds": 0.3, "settle_seconds": 0.0}


def run(
    streams: int = STREAMS, idle_seconds: float = IDLE_SECONDS, settle_seconds: float = SETTLE_SECONDS
) -> Iterator[Result]:
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    with tempfile.TemporaryDirectory(prefix="perihelion-relay-") as name, migrated_database():
        certificate = self_signed(Path(name) / "certificate.pem")
        servers = Servers(certificate)
        relay = _start_relay(certificate)
        try:
            yield from _measure(relay, servers, streams, idle_seconds, settle_seconds)
        finally:
            stop(relay)
            servers.stop()


class Servers:
    """The process that stands for all Comet Servers."""

    def __init__(self, certificate: str) -> None:
        self._port = free_port()
        self._certificate = certificate
        self.url = f"https://127.0.0.1:{self._port}"
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.bench.idle_server", str(self._port), self._certificate]
        self._process = subprocess.Popen(command, start_new_session=True, preexec_fn=end_with_parent)
        self.process = psutil.Process(self._process.pid)

    def stop(self) -> None:
        stop(self._process, timeout_seconds=0)


def _measure(
    relay: "subprocess.Popen[bytes]",
    servers: Servers,
    streams: int,
    idle_seconds: float,
    settle_seconds: float,
) -> Iterator[Result]:
    process = psutil.Process(relay.pid)
    _wait_for(lambda: list_relays())
    empty = process.memory_info().rss
    _link(servers.url, streams)
    began = time.monotonic()
    _wait_for(lambda: _open_streams() == streams)
    yield Result("relay.all-opened", time.monotonic() - began, "s", RETURN_GOAL_SECONDS, "goal-of-a-return")
    _wait_for(lambda: _hellos() >= streams)
    time.sleep(settle_seconds)
    grown = (process.memory_info().rss - empty) / 1e6
    yield Result(f"relay.memory-of-{streams}-streams", grown, "MB", MEMORY_GOAL_MB, "limit", most=1)
    before = _cpu_seconds(process)
    time.sleep(idle_seconds)
    used = (_cpu_seconds(process) - before) / idle_seconds * 100
    yield Result(f"relay.cpu-of-{streams}-idle-streams", used, "%", CPU_GOAL_PERCENT, "limit", most=1)
    servers.stop()
    _wait_for(lambda: not _open_streams())
    servers.start()
    began, before = time.monotonic(), _cpu_seconds(process)
    _wait_for(lambda: _open_streams() == streams)
    took = time.monotonic() - began
    used, of_servers = _cpu_seconds(process) - before, _cpu_seconds(servers.process)
    yield Result("relay.all-returned", took, "s", RETURN_GOAL_SECONDS, "limit", most=1)
    yield Result("relay.cpu-of-a-return", used, "s", of_servers, "cpu-of-the-servers")


def _cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _hellos() -> int:
    """How many first events of a stream are stored."""
    return Event.objects.filter(type=StreamableEventType.META_HELLO).count()


def _open_streams() -> int:
    return CometServer.objects.filter(stream=CometServer.Stream.UP).count()


def _wait_for(condition: Callable[[], Any]) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError(f"only {_open_streams()} streams are open")
        time.sleep(0.1)


def _start_relay(certificate: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "manage.py", "relay"],
        env={
            **os.environ,
            "ENCRYPTION_KEYS": settings.ENCRYPTION_KEYS[0],
            "ALLOWED_NETWORKS": "127.0.0.0/8",
            "COMET_CA_FILE": certificate,
            "LOG_LEVEL": "ERROR",
        },
        start_new_session=True,
        preexec_fn=end_with_parent,
    )


def _link(url: str, streams: int) -> None:
    provider = create_tenant(parent=None, kind="provider", name="Provider")
    CometServer.objects.bulk_create(
        CometServer(
            tenant=provider,
            name=f"comet-{number}",
            api_url=url,
            browser_url=url,
            admin_username="admin",
            credential_kind=CometServer.CredentialKind.PASSWORD,
            password=Secret.seal("a password"),
            license_hash=str(number),
        )
        for number in range(streams)
    )
