"""Posts events to a web process beside a sync of their server, while a relay takes them in."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import msgspec
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from portal.core.heartbeats import alive
from portal.demo.children import end_with_parent, stop
from portal.jobs.apply import apply_jobs
from portal.jobs.fetch import SLICE
from portal.jobs.item_results import refresh_items
from portal.jobs.records import JobRecord
from portal.live.leases import LEASE, RELAY
from portal.live.models import Event, PostedEvent
from portal.live.webhooks import SECRET_HEADER, intake_of, secret_of
from tests.bench.fanout.servers import python_server
from tests.bench.harness import Result, percentile
from tests.bench.job_details import list_of_jobs
from tests.bench.populated import populate

JOBS: Final = 40_000
GOALS_MS: Final = {"sqlite": 250.0, "postgresql": 50.0}
KEPT_SECONDS: Final = 2.0
PATIENCE_SECONDS: Final = 60.0


def measure(jobs: int = JOBS) -> Iterator[Result]:
    longest_kept = 0.0
    with python_server("portal.asgi:application") as web:
        web.wait_until_it_listens()
        server = populate()
        intake = intake_of(server)
        url = f"http://127.0.0.1:{web.port}{reverse('live:webhook-receive', args=[intake.key])}"
        records = msgspec.json.decode(list_of_jobs(jobs), type=list[JobRecord])
        with _relay():
            posts = _start_posting(url, secret_of(intake))
            try:
                began = timezone.now()
                for first in range(0, jobs, SLICE):
                    apply_jobs(server, records[first : first + SLICE], bulk=True)
                    longest_kept = max(longest_kept, _longest_kept())
                refresh_items(server)
                longest_kept = max(longest_kept, _longest_kept())
                told, _ = posts.communicate("stop\n", timeout=60)
            finally:
                stop(posts, timeout_seconds=0)
            waits = json.loads(told)
            while waiting := _longest_kept():
                longest_kept = max(longest_kept, waiting)
                if waiting > PATIENCE_SECONDS:
                    raise TimeoutError("events are kept that nobody tells to the mirror")
                time.sleep(0.05)
        if Event.objects.filter(received_at__gte=began, problem="").count() < len(waits):
            raise AssertionError(f"{len(waits)} events were posted, not all are stored")
    goal = GOALS_MS[connection.vendor]
    yield Result("webhook.answer-p50", percentile(waits, 50), "ms", goal, "limit-of-p95")
    yield Result("webhook.answer-p95", percentile(waits, 95), "ms", goal, "limit", most=1)
    yield Result("webhook.longest-kept", longest_kept, "s", KEPT_SECONDS, "limit", most=1)


def _longest_kept() -> float:
    """For how many seconds the oldest event waits to be told to the mirror."""
    oldest = PostedEvent.objects.order_by("pk").values_list("received_at", flat=True).first()
    return (timezone.now() - oldest).total_seconds() if oldest is not None else 0.0


@contextmanager
def _relay() -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, "manage.py", "relay"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=end_with_parent,
    )
    try:
        while not alive(RELAY, within=LEASE).exists():
            if process.poll() is not None:
                raise RuntimeError("the relay ended")
            time.sleep(0.05)
        yield
    finally:
        stop(process)


def _start_posting(url: str, secret: str) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.webhook_posts", url, SECRET_HEADER, secret],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=end_with_parent,
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process
