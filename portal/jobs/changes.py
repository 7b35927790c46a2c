"""Works out what reports of Jobs change; reads only."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from django.utils import timezone

from portal.core.prepared import Prepared
from portal.core.refusals import note_refusal
from portal.core.wire import is_key, moment
from portal.jobs.merge import COLUMNS, GUID_LIMIT, AnyJob, JobRow, is_newer, merge
from portal.jobs.models import Job
from portal.jobs.new_rows import NewRows
from portal.jobs.owners import Owners
from portal.jobs.rollups import Deltas, Tally
from portal.servers.models import CometServer

Digests = Mapping[str, str]
"""GUID -> digest of the Job's text in a list."""

Held = Mapping[str, tuple[Any, ...]]
"""GUID -> id and `COLUMNS` of a Job that is stored."""


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
    new: list[tuple[Any, ...]]
    """In bulk, the columns of Jobs not stored yet, which are then not among the changes."""

    @property
    def redigested(self) -> list[Change]:
        """Jobs that stay as they are, and whose digest is news."""
        return [change for change in self.changes if change.is_to_be_digested and not change.differs]


class Stored(NamedTuple):
    """A Job's id, and its columns as they are stored now."""

    pk: int
    row: JobRow


@dataclass(slots=True)
class ApplyResult:
    """What a batch did."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    jobs: dict[str, Stored] = field(default_factory=dict)
    """By GUID, every Job of the batch; left empty when applied in bulk."""

    def __iadd__(self, other: "ApplyResult") -> "ApplyResult":
        self.added += other.added
        self.changed += other.changed
        self.unchanged += other.unchanged
        self.jobs |= other.jobs
        return self

    @classmethod
    def of(cls, batch: Batch) -> "ApplyResult":
        added = sum(change.pk is None for change in batch.differing)
        changed = len(batch.differing) - added
        return cls(added + len(batch.new), changed, len(batch.changes) - len(batch.differing))


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
    counter = held.progress.counter if held.progress is not None else 0
    return is_newer(report, held.status, moment(held.end_time), counter)


def revision_of(server: CometServer) -> int:
    """Rises with each write to the server's Jobs, and to what they point at."""
    ((revision,),) = _revision(server.pk)
    return int(revision)


def held_of(server: CometServer, guids: Iterable[str]) -> Held:
    """Those of these Jobs that are stored already."""
    return {values[2]: values for values in _stored(server.pk, guids)}


def work_out(
    server: CometServer,
    chunk: list[AnyJob],
    owners: Owners,
    stored: Held,
    digests: Digests,
    *,
    bulk: bool = False,
) -> Batch:
    """What `chunk` changes, one report for each Job; asks no database."""
    now = timezone.now()
    new_rows = NewRows(server.pk, owners, now)
    deltas = Deltas()
    changes, new = [], []
    for report in chunk:
        held, digest = stored.get(report.guid), digests.get(report.guid, "")
        if held is not None:
            changes.append(_change(report, held, owners, digest, now))
            continue
        columns = new_rows.columns(report, digest)
        if bulk:
            new.append(columns)
            _count_new(deltas, report, columns)
        else:
            changes.append(Change(JobRow(*columns), None, None, True))
    differing = [change for change in changes if change.differs]
    for change in differing:
        deltas.replace(change.before, tally_of(change.row))
    return Batch(changes, differing, deltas, new)


def _change(report: AnyJob, held: tuple[Any, ...], owners: Owners, digest: str, now: datetime) -> Change:
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
    counted_at = row.counted_at
    at = None if counted_at is None else int(counted_at.timestamp())
    return Tally(row.placement_id, row.device_id, row.state, at, row.upload_bytes)


_PLACEMENT, _DEVICE, _STATE, _ENDED, _UPLOAD = map(
    COLUMNS.index, ("placement_id", "device_id", "state", "ended_at", "upload_bytes")
)


def _count_new(deltas: Deltas, report: AnyJob, columns: tuple[Any, ...]) -> None:
    """Count a Job that was not there before, without making a row of what has ended."""
    if columns[_ENDED] is None:
        deltas.add(*tally_of(JobRow(*columns)))
    else:
        deltas.add(columns[_PLACEMENT], columns[_DEVICE], columns[_STATE], report.end_time, columns[_UPLOAD])
