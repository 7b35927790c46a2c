"""Posts events to a web process beside a sync of the server they come from."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Final

import msgspec
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from portal.demo.children import end_with_parent, stop
from portal.jobs.apply import apply_jobs
from portal.jobs.fetch import SLICE
from portal.jobs.item_results import refresh_items
from portal.jobs.records import JobRecord
from portal.live.models import Event, StreamLease
from portal.live.webhooks import SECRET_HEADER, intake_of, secret_of
from tests.bench.fanout.servers import python_server
from tests.bench.harness import Result, migrated_database, percentile
from tests.bench.job_details import list_of_jobs
from tests.bench.populated import populate

JOBS: Final = 60_000
GOALS_MS: Final = {"sqlite": 250.0, "postgresql": 50.0}


def measure() -> Iterator[Result]:
    with migrated_database(), python_server("portal.asgi:application") as web:
        web.wait_until_it_listens()
        server = populate()
        StreamLease.objects.create(server=server)
        intake = intake_of(server)
        url = f"http://127.0.0.1:{web.port}{reverse('live:webhook-receive', args=[intake.key])}"
        records = msgspec.json.decode(list_of_jobs(JOBS), type=list[JobRecord])
        posts = _start_posting(url, secret_of(intake))
        try:
            began = timezone.now()
            for first in range(0, JOBS, SLICE):
                apply_jobs(server, records[first : first + SLICE], bulk=True)
            refresh_items(server)
            told, _ = posts.communicate("stop\n", timeout=60)
        finally:
            stop(posts, timeout_seconds=0)
        waits = json.loads(told)
        if Event.objects.filter(received_at__gte=began, problem="").count() < len(waits):
            raise AssertionError(f"{len(waits)} events were posted, not all are stored")
    goal = GOALS_MS[connection.vendor]
    yield Result("webhook.answer-p50", percentile(waits, 50), "ms", goal, "limit-of-p95")
    yield Result("webhook.answer-p95", percentile(waits, 95), "ms", goal, "limit")


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
