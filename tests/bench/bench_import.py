"""Bulk import of Jobs, beside a process that makes small writes as a web process does.

`upsert` is the bulk writer alone, `end-to-end` the way from a raw answer to stored Jobs with their
roll-ups. Each is compared with bulk_create of the same rows on the same machine, in the same run,
beside the same small writes.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
from django.db import transaction
from django.utils import timezone

from portal.core.bulk import upsert
from portal.core.chunks import chunked
from portal.jobs.apply import apply_jobs
from portal.jobs.fetch import SLICE
from portal.jobs.merge import COLUMNS, KEY, JobRow
from portal.jobs.models import Job, PlacementHour
from portal.jobs.new_rows import NewRows
from portal.jobs.owners import owners_of
from portal.jobs.records import JobRecord
from portal.servers.models import CometServer
from tests.bench.harness import Result, migrated_database, percentile
from tests.bench.job_details import list_of_jobs
from tests.bench.populated import populate

ROWS: Final = 40_000
GOAL_ROWS: Final = 34_000
GOAL_MS: Final = 20.0
WRITER: Final = Path(__file__).with_name("small_writes.py")


SMALL: Final = {"count": 200}


def run(count: int = ROWS) -> Iterator[Result]:
    with migrated_database(), _beside_small_writes(count) as measure:
        server = populate()
        body = list_of_jobs(count)
        records = msgspec.json.decode(body, type=list[JobRecord])
        rows = _rows(server, records)

        rate, _ = measure(lambda: _bulk_create(rows))
        _empty()
        fast, waits = measure(lambda: _upsert(rows))
        yield Result("import.upsert", fast, "rows/s", GOAL_ROWS, "goal", least=1)
        yield Result("import.upsert", fast, "rows/s", rate, "bulk_create")
        yield Result("import.small-write-p95", percentile(waits, 95), "ms", GOAL_MS, "limit", most=1)
        again, _ = measure(lambda: _upsert(rows))
        yield Result("import.upsert-unchanged", again, "rows/s", fast, "first-import")

        _empty()
        plain, _ = measure(lambda: _json_and_bulk_create(server, body))
        _empty()
        whole, waits = measure(lambda: _apply(server, body))
        yield Result("import.end-to-end", whole, "rows/s", plain, "json.loads+bulk_create-without-roll-ups")
        yield Result(
            "import.end-to-end-small-write-p95", percentile(waits, 95), "ms", GOAL_MS, "limit", most=1
        )


Work = Callable[[], Any]
Measure = Callable[[Work], tuple[float, list[float]]]
"""Rows per second of the work, and how long each small write beside it took, in milliseconds."""


@contextmanager
def _beside_small_writes(count: int) -> Iterator[Measure]:
    """Measures work that is for `count` rows."""
    process = subprocess.Popen(
        [sys.executable, str(WRITER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    stdin, stdout = process.stdin, process.stdout
    stdout.readline()  # it is ready

    def measure(work: Work) -> tuple[float, list[float]]:
        print("begin", file=stdin, flush=True)
        began = time.perf_counter()
        work()
        seconds = time.perf_counter() - began
        print("end", file=stdin, flush=True)
        return count / seconds, json.loads(stdout.readline())

    try:
        yield measure
    finally:
        process.communicate(timeout=30)


def _rows(server: CometServer, records: list[JobRecord]) -> list[JobRow]:
    new_rows = NewRows(server.pk, owners_of(server, records), timezone.now())
    rows = [JobRow(*new_rows.columns(record, "")) for record in records]
    rows.sort(key=lambda row: (row.started_at.date(), row.guid))  # as windows of a day bring them
    return rows


def _apply(server: CometServer, body: bytes) -> None:
    """In slices, as a full sync does."""
    for part in chunked(_split(body), SLICE):
        apply_jobs(server, part, bulk=True)


def _split(body: bytes) -> Iterator[JobRecord]:
    for raw in msgspec.json.decode(body, type=list[msgspec.Raw]):
        yield msgspec.json.decode(raw, type=JobRecord)


def _upsert(rows: list[JobRow]) -> None:
    upsert(Job, (row.values() for row in rows), unique=KEY, update=COLUMNS[len(KEY) :])


def _bulk_create(rows: list[JobRow]) -> None:
    for first in range(0, len(rows), 500):
        part = rows[first : first + 500]
        with transaction.atomic():
            Job.objects.bulk_create(
                [Job(**dict(zip(COLUMNS, row.values(), strict=True))) for row in part], batch_size=500
            )


def _json_and_bulk_create(server: CometServer, body: bytes) -> None:
    records = [
        JobRecord(
            guid=job["GUID"],
            username=job["Username"],
            classification=job["Classification"],
            status=job["Status"],
            start_time=job["StartTime"],
            end_time=job["EndTime"],
            source_guid=job["SourceGUID"],
            destination_guid=job["DestinationGUID"],
            device_id=job["DeviceID"],
            client_version=job["ClientVersion"],
            total_files=job["TotalFiles"],
            total_size=job["TotalSize"],
            upload_size=job["UploadSize"],
            download_size=job["DownloadSize"],
        )
        for job in json.loads(body)
    ]
    _bulk_create(_rows(server, records))


def _empty() -> None:
    PlacementHour.objects.all().delete()
    Job.objects.all()._raw_delete("default")  # type: ignore[attr-defined]
