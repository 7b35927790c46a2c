"""Works out what reports of Jobs change; reads only."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from portal.core.prepared import Prepared
from portal.core.refusals import note_refusal
from portal.core.wire import is_key
from portal.jobs.merge import COLUMNS, GUID_LIMIT, AnyJob, JobRow, first_row, is_newer, merge
from portal.jobs.models import Job
from portal.jobs.owners import Owners
from portal.jobs.rollups import Deltas, Tally
from portal.servers.models import CometServer

Digests = Mapping[str, str]
"""GUID -> digest of the Job's text in a list."""


_revision = Prepared(
    lambda server: CometServer.objects.filter(pk=server).order_by().values_list("jobs_revision")
)
_stored = Prepared(
    lambda server, guids: Job.objects.filter(server=server, guid__any_of=guids).values_list("pk", *COLUMNS)
)


@dataclass(slots=True)
class Change:
    """One Job as it is to be stored; `pk` is None where it is new."""

    row: JobRow
    before: Tally | None
    pk: int | None
    differs: bool
    """Whether anything but the digest does."""
    is_to_be_digested: bool = False


@dataclass(slots=True)
class Batch:
    """What a chunk of reports changes."""

    changes: list[Change]
    differing: list[Change]
    deltas: Deltas

    @property
    def redigested(self) -> list[Change]:
        """Jobs that stay as they are, and whose digest is news."""
        return [change for change in self.changes if change.is_to_be_digested and not change.differs]


def latest_of(server: CometServer, jobs: Iterable[AnyJob]) -> list[AnyJob]:
    """One report for each GUID, the newest of those in the batch."""
    latest: dict[str, AnyJob] = {}
    for report in jobs:
        if not is_key(report.guid, GUID_LIMIT):
            note_refusal("job", "unusable id", server_id=server.pk, length=len(report.guid))
            continue
        held = latest.get(report.guid)
        if held is None or _beats(report, held):
            latest[report.guid] = report
    return list(latest.values())


def _beats(report: AnyJob, held: AnyJob) -> bool:
    row = first_row(0, held, timezone.now())
    return is_newer(report, row.status, row.ended_at, row.progress_counter)


def revision_of(server: CometServer) -> int:
    """Rises with each write to the server's Jobs, and with each removal of what they point at."""
    ((revision,),) = _revision(server.pk)
    return int(revision)


def work_out(server: CometServer, chunk: list[AnyJob], owners: Owners, digests: Digests) -> Batch:
    """What `chunk` changes, one report for each Job."""
    now = timezone.now()
    changes = [
        _change(server, report, held, owners, digests.get(report.guid, ""), now)
        for report, held in _with_stored(server, chunk)
    ]
    differing = [change for change in changes if change.differs]
    deltas = Deltas()
    for change in differing:
        deltas.replace(change.before, tally_of(change.row))
    return Batch(changes, differing, deltas)


def _with_stored(server: CometServer, chunk: list[AnyJob]) -> Iterator[tuple[AnyJob, tuple[Any, ...] | None]]:
    """Each report beside the stored Job's id and columns."""
    stored = _stored(server.pk, {report.guid for report in chunk})
    by_guid = {values[2]: values for values in stored}
    return ((report, by_guid.get(report.guid)) for report in chunk)


def _change(
    server: CometServer,
    report: AnyJob,
    held: tuple[Any, ...] | None,
    owners: Owners,
    digest: str,
    now: datetime,
) -> Change:
    if held is None:
        row = first_row(server.pk, report, now)
        is_settled = owners.assign(row, report)
        row.digest = digest if is_settled and row.ended_at is not None else ""
        return Change(row, None, None, True)
    pk, *columns = held
    row = JobRow(*columns)
    before, tally, digest_before = row.values(), tally_of(row), row.digest
    if is_newer(report, row.status, row.ended_at, row.progress_counter):
        merge(row, report, now)
    is_settled = owners.assign(row, report)
    differs = row.values() != before
    if digest and is_settled and row.ended_at is not None:
        row.digest = digest
    elif differs:
        row.digest = ""
    return Change(row, tally, pk, differs, row.digest != digest_before)


def tally_of(row: JobRow) -> Tally:
    """How a Job counts in the roll-ups."""
    return Tally(row.placement_id, row.device_id, row.state, row.counted_at, row.upload_bytes)
