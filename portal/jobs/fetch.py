"""Reads Jobs from a Comet Server, typing only what is mirrored."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import msgspec
import structlog
from django.utils import timezone

import comet
from comet.bulk import RawElement
from portal.core.ahead import ahead
from portal.core.states import State
from portal.jobs.apply import apply_jobs, apply_slices, mark_interrupted
from portal.jobs.changes import ApplyResult, latest_of
from portal.jobs.digests import digest_of, known_digests
from portal.jobs.merge import AnyJob
from portal.jobs.models import Job
from portal.jobs.records import JobRecord
from portal.jobs.slices import Slice
from portal.servers.models import CometServer

log = structlog.get_logger(__name__)

WINDOW: Final = timedelta(days=1)
HISTORY: Final = timedelta(days=30)
MARGIN: Final = timedelta(minutes=15)
"""How far windows reach beyond what is asked for, since clocks differ and reports come late."""

LATE: Final = timedelta(hours=1)
"""How long after its start and end a Job may first be told: a missed one is found by a half-hourly look, a
quarter of an hour after its planned time at the earliest."""

LONG: Final = timedelta(hours=6)
"""Jobs of a window that began so long before it are known by digest; longer ones are read again."""

INTERRUPTED_FOR: Final = timedelta(days=7)
"""How long after its start an interrupted Job is asked for; later the nightly sync tells of its end."""

SLICE: Final = 20_000
FIRST_SLICE: Final = 5_000
"""Jobs that are read while those of the slice before are written; the first is waited for."""

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
    known = known_digests(server, window.start - LONG, window.end)
    result = ApplyResult()

    def told() -> Iterator[Slice]:
        done = 0
        for part in ahead(_parts(server, elements, known)):
            yield part.told
            result.unchanged += part.unchanged
            done += part.unchanged + part.fresh
            report(done)

    result += apply_slices(server, told(), bulk=bulk)
    return result


@dataclass(frozen=True, slots=True)
class _Part:
    """Some Jobs of a list: those whose text is known, and those that were read."""

    unchanged: int
    fresh: int
    told: Slice


def _parts(server: CometServer, elements: Iterator[RawElement], known: set[str]) -> Iterator[_Part]:
    unchanged, fresh, size = 0, [], FIRST_SLICE
    for element in elements:
        if digest_of(element) in known:
            unchanged += 1
            continue
        fresh.append(element)
        if len(fresh) == size:
            yield _read(server, unchanged, fresh)
            unchanged, fresh, size = 0, [], SLICE
    yield _read(server, unchanged, fresh)


def _read(server: CometServer, unchanged: int, fresh: list[RawElement]) -> _Part:
    digests: dict[str, str] = {}
    reports = latest_of(server, _decoded(server, fresh, digests))
    return _Part(unchanged, len(fresh), Slice.of(reports, digests))


def apply_raw_jobs(server: CometServer, raws: Iterator[msgspec.Raw], *, bulk: bool) -> ApplyResult:
    """Apply Jobs found inside other answers; null ones are passed over."""
    jobs = (_job_in(server, raw) for raw in raws if bytes(raw) != b"null")
    return apply_jobs(server, [job for job in jobs if job is not None], bulk=bulk)


def _decoded(
    server: CometServer, elements: Iterable[RawElement], digests: dict[str, str]
) -> Iterator[JobRecord]:
    """Jobs that can be read, with their digests put into `digests`; none for a Job that is there twice."""
    twice = set()
    for element in elements:
        job = _job_in(server, element.raw)
        if job is None:
            continue
        digest = digest_of(element)
        if digests.setdefault(job.guid, digest) != digest:
            twice.add(job.guid)
        yield job
    for guid in twice:
        del digests[guid]


def _job_in(server: CometServer, raw: memoryview | msgspec.Raw) -> JobRecord | None:
    try:
        return _decode_job(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        log.warning("job.unreadable", server_id=server.pk, problem=str(problem))
        return None


def fetch_unfinished(server: CometServer, client: comet.CometClient) -> set[str]:
    """Apply what the server says is unfinished, with its progress; gives those GUIDs."""
    jobs: list[AnyJob] = list(client.admin_get_jobs_for_date_range(start=0, end=0))
    apply_jobs(server, jobs)
    return {job.guid for job in jobs}


def reconcile(server: CometServer, client: comet.CometClient) -> int:
    """Bring Jobs that count as unfinished here but not there to their end; gives how many ended.

    Some cancels emit no event. A Job that the server no longer has counts as interrupted. Those that count
    as that already are asked for last, since nobody knows which of them the server has.
    """
    here = Job.objects.filter(server=server, ended_at=None)
    # Read before the server is asked: what starts meanwhile is not missing there.
    running = dict(here.exclude(state=State.INTERRUPTED).order_by("started_at").values_list("guid", "pk"))
    still = here.filter(state=State.INTERRUPTED, started_at__gte=timezone.now() - INTERRUPTED_FOR)
    known = [*running, *still.order_by("-started_at").values_list("guid", flat=True)]
    unfinished = fetch_unfinished(server, client)
    missing = [guid for guid in known if guid not in unfinished][:_LOOKS]
    looked = look_at(server, client, missing)
    mark_interrupted(server, [running[guid] for guid in looked.gone if guid in running])
    return looked.ended


@dataclass(slots=True)
class Looked:
    """What came of asking for Jobs one by one."""

    ended: int = 0
    gone: list[str] = field(default_factory=list)
    """GUIDs the server does not know (any more)."""


def look_at(server: CometServer, client: comet.CometClient, guids: Sequence[str]) -> Looked:
    """Ask for Jobs one by one and apply them."""
    found: list[AnyJob] = []
    looked = Looked()
    for guid in guids:
        try:
            found.append(client.admin_get_job_properties(job_id=guid))
        except comet.APIError as error:
            if isinstance(error, comet.ServerError | comet.RateLimited):
                raise
            log.warning("job.gone", server_id=server.pk, job_guid=guid, status=error.status)
            looked.gone.append(guid)
    apply_jobs(server, found)
    looked.ended = sum(bool(job.end_time) for job in found)
    return looked
