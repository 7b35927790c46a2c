"""Writes what Comet Servers report of Jobs: from events, windows and polls alike.

Safe to repeat and safe out of order. Everything that follows from a Job is written in the same
transaction: roll-ups, how its Protected Item and Device stand, Operations that follow it, facts.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Self

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from portal.core.bulk import Pacer, Upsert, chunked
from portal.core.events import Fact, publish_all
from portal.core.refusals import note_refusal
from portal.core.states import State
from portal.core.wire import is_key
from portal.jobs.following import moves_of
from portal.jobs.item_results import apply_results
from portal.jobs.merge import COLUMNS, GUID_LIMIT, KEY, AnyJob, JobRow, blank_row, is_newer, merged
from portal.jobs.models import Job
from portal.jobs.owners import Owners, owners_of
from portal.jobs.rollups import Deltas, RollupWriter, Tally
from portal.operations import services as operations
from portal.servers.models import CometServer
from portal.servers.placements import lock_server

CHUNK: Final = 500


@dataclass(slots=True)
class ApplyResult:
    """What a batch did."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    job_ids: dict[str, int] = field(default_factory=dict)
    """GUID -> id of every Job of the batch; left empty when applied in bulk."""

    def __iadd__(self, other: "ApplyResult") -> "ApplyResult":
        self.added += other.added
        self.changed += other.changed
        self.unchanged += other.unchanged
        self.job_ids |= other.job_ids
        return self


@dataclass(slots=True)
class _Change:
    row: JobRow
    before: Tally | None
    pk: int | None
    differs: bool


@dataclass(slots=True)
class _Batch:
    """What a chunk of reports changes, worked out at one revision of the server's Jobs."""

    revision: int
    changes: list[_Change]
    differing: list[_Change]
    deltas: Deltas

    def counts(self) -> ApplyResult:
        added = sum(change.pk is None for change in self.differing)
        return ApplyResult(added, len(self.differing) - added, len(self.changes) - len(self.differing))


def apply_jobs(server: CometServer, jobs: Iterable[AnyJob], *, bulk: bool = False) -> ApplyResult:
    """Store what `server` reports of Jobs; calls no server and opens no long transaction.

    The number of queries is the same for one Job as for 500. With `bulk`, transactions of 500 Jobs
    alternate with pauses, and the roll-ups of whole windows are written without a fact for each
    Job and without touching Protected Items: call `refresh_items` after the last window.
    """
    reports = _latest(server, jobs)
    if bulk:
        return _apply_in_bulk(server, reports)
    result = ApplyResult()
    for chunk in chunked(reports, CHUNK):
        with transaction.atomic(), _Writer() as writer:
            lock_server(server)
            owners = owners_of(server, chunk)
            batch = _prepare(server, chunk, owners)
            writer.fill(batch)
            _write(server, batch, writer)
            result += _tell(server, batch, owners)
    return result


def _apply_in_bulk(server: CometServer, reports: list[AnyJob]) -> ApplyResult:
    """Works out each chunk before it takes the lock, and again inside if another writer came between."""
    result = ApplyResult()
    reports.sort(key=lambda report: report.guid)  # neighbours in the widest index touch the same pages
    owners = owners_of(server, reports) if reports else None
    pacer = Pacer()
    with _Writer() as writer:
        for chunk in chunked(reports, CHUNK):
            assert owners is not None  # noqa: S101  (for the type checker)
            batch = _prepare(server, chunk, owners)
            writer.fill(batch)
            with pacer, transaction.atomic():
                lock_server(server)
                if batch.revision != _revision(server):
                    owners = owners_of(server, reports)
                    batch = _prepare(server, chunk, owners)
                    writer.fill(batch)
                _write(server, batch, writer)
            result += batch.counts()
    pacer.rest()
    return result


class _Writer:
    """Writes Jobs and their roll-ups in two steps: `fill` locks nothing. Use it as a context."""

    def __init__(self) -> None:
        self._jobs = Upsert(Job, unique=KEY, update=COLUMNS[len(KEY) :])
        self._rollups = RollupWriter()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._jobs.__exit__()
        self._rollups.__exit__()

    def fill(self, batch: _Batch) -> None:
        self._jobs.fill(change.row.values() for change in batch.differing)
        self._rollups.fill(batch.deltas)

    def move(self) -> None:
        self._jobs.move()
        self._rollups.move()


def _latest(server: CometServer, jobs: Iterable[AnyJob]) -> list[AnyJob]:
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
    row = merged(blank_row(0, held), held, now=timezone.now(), first_seen=True)
    return is_newer(report, row.status, row.ended_at, row.progress_counter)


def _revision(server: CometServer) -> int:
    return CometServer.objects.values_list("jobs_revision", flat=True).get(pk=server.pk)


def _prepare(server: CometServer, chunk: list[AnyJob], owners: Owners) -> _Batch:
    """Work out what `chunk` changes; reads only."""
    revision = _revision(server)
    now = timezone.now()
    changes = [_change(server, report, held, owners, now) for report, held in _with_stored(server, chunk)]
    deltas = Deltas()
    for change in changes:
        if change.differs:
            deltas.replace(change.before, tally_of(change.row))
    return _Batch(revision, changes, [change for change in changes if change.differs], deltas)


def _write(server: CometServer, batch: _Batch, writer: _Writer) -> None:
    """Write a batch whose rows `writer` holds; the server's rows are locked."""
    if not batch.differing:
        return
    writer.move()
    CometServer.objects.filter(pk=server.pk).update(jobs_revision=F("jobs_revision") + 1)
    operations.jobs_moved(server.pk, moves_of(change.row for change in batch.differing))


def _tell(server: CometServer, batch: _Batch, owners: Owners) -> ApplyResult:
    """Facts of a batch, and what it means for items and Devices."""
    result = batch.counts()
    ids = {change.row.guid: change.pk for change in batch.changes if change.pk is not None}
    if result.added:
        new = [change.row.guid for change in batch.differing if change.pk is None]
        ids |= dict(Job.objects.filter(server=server, guid__in=new).values_list("guid", "pk"))
    result.job_ids = ids
    publish_all(_facts(batch.differing, ids, owners))
    apply_results(server, [change.row for change in batch.differing], owners.tenant_ids)
    return result


def _with_stored(server: CometServer, chunk: list[AnyJob]) -> Iterator[tuple[AnyJob, tuple[Any, ...] | None]]:
    """Each report beside the stored Job's id and columns."""
    stored = Job.objects.filter(server=server, guid__in=[report.guid for report in chunk])
    by_guid = {values[2]: values for values in stored.values_list("pk", *COLUMNS)}
    return ((report, by_guid.get(report.guid)) for report in chunk)


def _change(
    server: CometServer, report: AnyJob, held: tuple[Any, ...] | None, owners: Owners, now: datetime
) -> _Change:
    if held is None:
        row = merged(blank_row(server.pk, report), report, now=now, first_seen=True)
        owners.assign(row, report)
        return _Change(row, None, None, True)
    pk, *columns = held
    row = JobRow(*columns)
    before, tally = row.values(), tally_of(row)
    if is_newer(report, row.status, row.ended_at, row.progress_counter):
        merged(row, report, now=now, first_seen=False)
    owners.assign(row, report)
    return _Change(row, tally, pk, row.values() != before)


def tally_of(row: JobRow) -> Tally:
    """How a Job counts in the roll-ups."""
    return Tally(row.placement_id, row.device_id, row.state, row.counted_at, row.upload_bytes)


def _facts(changes: list[_Change], ids: dict[str, int], owners: Owners) -> Iterator[Fact]:
    for change in changes:
        row = change.row
        names = {"job": ids[row.guid], "device": row.device_id or 0, "server": row.server_id}
        for name in ("job.added", "job.changed") if change.pk is None else ("job.changed",):
            yield Fact(name, owners.tenant_ids.get(row.placement_id), names)


def mark_interrupted(server: CometServer, job_ids: Sequence[int]) -> int:
    """Say of running Jobs that they give no sign of life; the next rise of their Counter takes it back."""
    with transaction.atomic():
        lock_server(server)
        held = Job.objects.filter(server=server, pk__in=job_ids, state=State.RUNNING, ended_at=None)
        deltas, rows = Deltas(), []
        for _, *columns in held.values_list("pk", *COLUMNS):
            row = JobRow(*columns)
            before = tally_of(row)
            row.state = State.INTERRUPTED.value
            deltas.replace(before, tally_of(row))
            rows.append(row)
        deltas.write()
        owners = dict(held.values_list("guid", "placement__tenant_id"))
        ids = dict(held.values_list("guid", "pk"))
        held.update(state=State.INTERRUPTED)
        CometServer.objects.filter(pk=server.pk).update(jobs_revision=F("jobs_revision") + 1)
        operations.jobs_moved(server.pk, moves_of(rows))
        publish_all(
            Fact(
                "job.changed",
                owners[row.guid],
                {"job": ids[row.guid], "device": row.device_id or 0, "server": server.pk},
            )
            for row in rows
        )
    return len(rows)
