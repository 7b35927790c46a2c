"""Writes what Comet Servers report of Jobs: from events, windows and polls alike.

Safe to repeat and safe out of order. Everything that follows from a Job is written in the same
transaction: roll-ups, how its Protected Item and Device stand, Operations that follow it, facts.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, NamedTuple, Self

from django.db import transaction
from django.db.models import F

from portal.core.bulk import Pacer, Upsert, chunked, lazy_commit
from portal.core.events import Fact, publish_all
from portal.core.prepared import Prepared
from portal.core.states import State
from portal.jobs.changes import Batch, Change, Digests, latest_of, revision_of, tally_of, work_out
from portal.jobs.following import moves_of
from portal.jobs.item_results import apply_results
from portal.jobs.merge import COLUMNS, KEY, AnyJob, JobRow
from portal.jobs.models import Job
from portal.jobs.owners import Owners, owners_of
from portal.jobs.rollups import Deltas, RollupWriter
from portal.operations import services as operations
from portal.servers.models import CometServer
from portal.servers.placements import lock_server

CHUNK: Final = 500
_NO_DIGESTS: Final[Digests] = MappingProxyType({})


_ids = Prepared(
    lambda server, guids: Job.objects.filter(server=server, guid__any_of=guids).values_list("guid", "pk")
)


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
        return cls(added, len(batch.differing) - added, len(batch.changes) - len(batch.differing))


def apply_jobs(
    server: CometServer,
    jobs: Iterable[AnyJob],
    *,
    digests: Digests = _NO_DIGESTS,
    bulk: bool = False,
) -> ApplyResult:
    """Store what `server` reports of Jobs; calls no server and opens no long transaction.

    `digests` are those of Jobs from a list: what has ended and has all its owners need not be read
    again while its digest is the same. The digest of a Job that changes without one is cleared.

    The number of queries is the same for one Job as for 500. With `bulk`, transactions of 500 Jobs
    alternate with pauses, and the roll-ups of whole windows are written without a fact for each
    Job and without touching Protected Items: call `refresh_items` after the last window.
    """
    reports = latest_of(server, jobs)
    if bulk:
        return _apply_in_bulk(server, reports, digests)
    result = ApplyResult()
    for chunk in chunked(reports, CHUNK):
        with transaction.atomic(), _Writer() as writer:
            lock_server(server)
            owners = owners_of(server, chunk)
            batch = work_out(server, chunk, owners, digests)
            writer.write(batch)
            _note_written(server, batch)
            result += _tell(server, batch, owners)
    return result


def _apply_in_bulk(server: CometServer, reports: list[AnyJob], digests: Digests) -> ApplyResult:
    """Works out each chunk before it takes the lock, and again inside if another writer came between."""
    result = ApplyResult()
    reports.sort(key=lambda report: (report.username, report.start_time))  # a Device's days come together
    owners = owners_of(server, reports) if reports else None
    pacer = Pacer()
    with _Writer() as writer:
        for chunk in chunked(reports, CHUNK):
            assert owners is not None  # noqa: S101  (for the type checker)
            revision = revision_of(server)
            batch = work_out(server, chunk, owners, digests)
            writer.fill(batch.differing + batch.redigested, batch.deltas)
            with pacer, lazy_commit():
                lock_server(server)
                if revision != revision_of(server):
                    owners = owners_of(server, reports)
                    batch = work_out(server, chunk, owners, digests)
                    writer.fill(batch.differing + batch.redigested, batch.deltas)
                writer.move()
                _note_written(server, batch)
            result += ApplyResult.of(batch)
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

    def fill(self, changes: Iterable[Change], deltas: Deltas) -> None:
        self._jobs.fill(change.row.values() for change in changes)
        self._rollups.fill(deltas)

    def move(self) -> None:
        self._jobs.move()
        self._rollups.move()

    def write(self, batch: Batch) -> None:
        """Both steps at once, for what changes a few Jobs."""
        self._jobs.write(change.row.values() for change in batch.differing)
        self._rollups.write(batch.deltas)


def _note_written(server: CometServer, batch: Batch) -> None:
    """Tell what a batch, just written, means beside its rows; the server's rows are locked."""
    if not batch.differing:
        return
    CometServer.objects.filter(pk=server.pk).update(jobs_revision=F("jobs_revision") + 1)
    followed = operations.followed_jobs(server.pk)
    if followed:  # few Jobs are waited for
        rows = (change.row for change in batch.differing if change.row.guid in followed)
        operations.jobs_moved(server.pk, moves_of(rows))


def _tell(server: CometServer, batch: Batch, owners: Owners) -> ApplyResult:
    """Facts of a batch, and what it means for items and Devices."""
    result = ApplyResult.of(batch)
    ids = {change.row.guid: change.pk for change in batch.changes if change.pk is not None}
    if result.added:
        new = [change.row.guid for change in batch.differing if change.pk is None]
        ids.update(_ids(server.pk, new))
    result.jobs = {change.row.guid: Stored(ids[change.row.guid], change.row) for change in batch.changes}
    publish_all(_facts(batch.differing, ids, owners))
    apply_results(server, [change.row for change in batch.differing], owners.tenant_ids)
    return result


def _facts(changes: list[Change], ids: dict[str, int], owners: Owners) -> Iterator[Fact]:
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
