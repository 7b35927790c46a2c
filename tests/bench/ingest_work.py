"""Sends events at a steady rate, and finds each of them in the database and in a hub."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import msgspec
import psutil
import requests
from cryptography.fernet import Fernet
from django.conf import settings
from django.db import connection

from portal.core.encryption import Secret
from portal.demo.children import end_with_parent, stop
from portal.demo.ports import free_port
from portal.jobs.models import Job
from portal.live.models import Event
from portal.servers.models import CometServer
from tests.bench.event_servers import PROFILES
from tests.bench.harness import Result, percentile
from tests.bench.populated import populate

STREAMS: Final = 8
RATE: Final = 2000
"""Events a second, over all streams."""

WARM_UP_SECONDS: Final = 3
SECONDS: Final = 15
PATIENCE_SECONDS: Final = 60
LAG_GOAL_MS: Final = 1000.0
CPU_GOAL_US: Final = 1e6 / RATE
"""One core's worth at this rate."""

JOB_TYPES: Final = (4200, 4201)


def measure(
    rate: int = RATE, seconds: int = SECONDS, warm_up_seconds: int = WARM_UP_SECONDS
) -> Iterator[Result]:
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    with _servers() as url, _running("tests.bench.hub_ear") as ear:
        _link(url)
        with _relay() as relay:
            _wait_for(lambda: CometServer.objects.filter(stream=CometServer.Stream.UP).count() == STREAMS)
            warm = _go(url, rate, warm_up_seconds)
            _wait_for(lambda: Event.objects.filter(type__in=JOB_TYPES).count() >= warm)
            last_before = Event.objects.order_by("-pk").values_list("pk", flat=True)[0]
            used_before = _cpu_seconds(relay)
            sent = _go(url, rate, seconds)
            stored = Event.objects.filter(pk__gt=last_before, type__in=JOB_TYPES)
            _wait_for(lambda: stored.count() >= sent)
            used = _cpu_seconds(relay) - used_before
            rows = list(stored.values_list("pk", "data__SnapshotID"))
            heard = _heard(ear, {pk for pk, _ in rows})
        times = [(float(sent_at), heard[pk]) for pk, sent_at in rows if pk in heard]
        _check(sent, len(times))
    lags = [(heard_at - sent_at) * 1000 for sent_at, heard_at in times]
    yield Result("ingest.rate", _sustained(times), "events/s", RATE, "goal", least=0.99)
    yield Result("ingest.lag-p50", percentile(lags, 50), "ms", LAG_GOAL_MS, "limit-of-p99")
    yield Result("ingest.lag-p99", percentile(lags, 99), "ms", LAG_GOAL_MS, "limit", most=1)
    yield Result("ingest.cpu-per-event", used / sent * 1e6, "µs", CPU_GOAL_US, "one-core")


def _sustained(times: list[tuple[float, float]]) -> float:
    """Events heard of in a second while others were still sent, after the lag they may have. It is the
    rate of sending, unless ever more of them wait."""
    since = min(sent_at for sent_at, _ in times) + LAG_GOAL_MS / 1000
    until = max(sent_at for sent_at, _ in times)
    return sum(since < heard_at <= until for _, heard_at in times) / (until - since)


def _check(sent: int, heard: int) -> None:
    if Event.objects.exclude(problem="").exists() or heard != sent:
        raise AssertionError(f"{sent} events were sent, {heard} were heard of")
    told, stored = Event.objects.filter(type=4201).count(), Job.objects.exclude(ended_at=None).count()
    if told != stored:
        raise AssertionError(f"{told} Jobs ended, {stored} are stored as ended")


def _go(url: str, rate: int, seconds: int) -> int:
    order = {"rate": rate, "seconds": seconds}
    return int(requests.post(f"{url}/go", json=order, timeout=seconds + 60).json()["sent"])


def _cpu_seconds(relay: "subprocess.Popen[bytes]") -> float:
    """Of the relay, and of the database processes that write for it, where there are such."""
    pids = [relay.pid]
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
            pids += [pid for (pid,) in cursor.fetchall()]
    times = [psutil.Process(pid).cpu_times() for pid in pids]
    return sum(each.user + each.system for each in times)


def _heard(ear: "subprocess.Popen[str]", events: set[int]) -> dict[int, float]:
    """When these were heard of: a moment after they are there to be read."""
    assert ear.stdin is not None
    assert ear.stdout is not None
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        print(file=ear.stdin, flush=True)
        heard = msgspec.json.decode(ear.stdout.readline(), type=dict[int, float])
        if events <= heard.keys() or time.monotonic() > until:
            return heard
        time.sleep(0.1)


def _wait_for(condition: Callable[[], Any]) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError(f"{Event.objects.count()} events are stored")
        time.sleep(0.1)


@contextmanager
def _servers() -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "tests.bench.event_servers", str(port)]
    process = subprocess.Popen(command, start_new_session=True, preexec_fn=end_with_parent)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        stop(process, timeout_seconds=0)


@contextmanager
def _running(module: str) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [sys.executable, "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=end_with_parent,
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
    finally:
        stop(process, timeout_seconds=0)


@contextmanager
def _relay() -> Iterator["subprocess.Popen[bytes]"]:
    environment = {
        **os.environ,
        "ENCRYPTION_KEYS": settings.ENCRYPTION_KEYS[0],
        "ALLOWED_NETWORKS": "127.0.0.0/8",
        "LOG_LEVEL": "ERROR",
    }
    command = [sys.executable, "manage.py", "relay"]
    process = subprocess.Popen(command, env=environment, start_new_session=True, preexec_fn=end_with_parent)
    try:
        yield process
    finally:
        stop(process)


def _link(url: str) -> None:
    for number in range(STREAMS):
        server = populate(f"comet-{number}", f"{url}/{number}", PROFILES)
        CometServer.objects.filter(pk=server.pk).update(
            admin_username="admin",
            credential_kind=CometServer.CredentialKind.PASSWORD,
            password=Secret.seal("a password"),
        )
