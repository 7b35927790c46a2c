"""Reads Jobs from a Comet Server, typing only what is mirrored."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import msgspec
import structlog
from django.utils import timezone

import comet
from portal.core.bulk import chunked
from portal.jobs.apply import ApplyResult, apply_jobs
from portal.jobs.merge import AnyJob
from portal.jobs.models import Job
from portal.jobs.records import JobRecord
from portal.servers.models import CometServer

log = structlog.get_logger(__name__)

WINDOW: Final = timedelta(days=1)
HISTORY: Final = timedelta(days=30)
MARGIN: Final = timedelta(minutes=15)
"""How far windows reach beyond what is asked for, since clocks differ and reports come late."""

SLICE: Final = 2000
_LOOKS: Final = 50
"""Jobs asked for one by one in one go."""

_decode_job = msgspec.json.Decoder(JobRecord).decode


@dataclass(frozen=True, slots=True)
class Window:
    """At most one day of Jobs: those that started or ended inside."""

    start: datetime
    end: datetime


def windows_back(until: datetime, since: datetime) -> list[Window]:
    """Windows of at most one day from `until` back to `since`, the newest first."""
    windows = []
    while until > since:
        start = max(until - WINDOW, since)
        windows.append(Window(start, until))
        until = start
    return windows


def fetch_window(
    server: CometServer,
    client: comet.CometClient,
    window: Window,
    *,
    bulk: bool,
    report: Callable[[int], None] = lambda done: None,
) -> ApplyResult:
    """Apply the Jobs of one window; `report` is called with how many are done.

    Raises:
        comet.CometError: the server did not give the list; then nothing is written.
    """
    elements = client.admin_get_jobs_for_date_range_raw(
        int(window.start.timestamp()), int(window.end.timestamp())
    )
    jobs = _decoded(server, (element.raw for element in elements))
    result, done = ApplyResult(), 0
    for batch in chunked(jobs, SLICE):
        result += apply_jobs(server, batch, bulk=bulk)
        done += len(batch)
        report(done)
    return result


def apply_raw_jobs(server: CometServer, raws: Iterator[msgspec.Raw], *, bulk: bool) -> ApplyResult:
    """Apply Jobs found inside other answers; null ones are passed over."""
    return apply_jobs(server, _decoded(server, (raw for raw in raws if bytes(raw) != b"null")), bulk=bulk)


def _decoded(server: CometServer, raws: Iterator[memoryview | msgspec.Raw]) -> Iterator[JobRecord]:
    for raw in raws:
        try:
            yield _decode_job(raw)
        except (msgspec.DecodeError, UnicodeDecodeError) as problem:
            log.warning("job.unreadable", server_id=server.pk, problem=str(problem))


def fetch_unfinished(server: CometServer, client: comet.CometClient) -> set[str]:
    """Apply what the server says is unfinished, with its progress; gives those GUIDs."""
    jobs: list[AnyJob] = list(client.admin_get_jobs_for_date_range(start=0, end=0))
    apply_jobs(server, jobs)
    return {job.guid for job in jobs}


def reconcile(server: CometServer, client: comet.CometClient) -> int:
    """Bring Jobs that count as unfinished here but not there to their end; gives how many ended.

    Some cancels emit no event. A Job that the server no longer has ends as its properties last said.
    """
    before = timezone.now() - timedelta(minutes=1)
    unfinished = fetch_unfinished(server, client)
    here = Job.objects.filter(server=server, ended_at=None, started_at__lt=before)
    missing = here.exclude(guid__in=unfinished).order_by("started_at")
    return len(look_at(server, client, list(missing.values_list("guid", flat=True)[:_LOOKS])))


def look_at(server: CometServer, client: comet.CometClient, guids: list[str]) -> list[str]:
    """Ask for Jobs one by one and apply them; gives the GUIDs of those that have ended."""
    found: list[AnyJob] = []
    for guid in guids:
        try:
            found.append(client.admin_get_job_properties(job_id=guid))
        except comet.APIError as error:
            if isinstance(error, comet.ServerError | comet.RateLimited):
                raise
            log.warning("job.gone", server_id=server.pk, job_guid=guid, status=error.status)
    apply_jobs(server, found)
    return [job.guid for job in found if job.end_time]
