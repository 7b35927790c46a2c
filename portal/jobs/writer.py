"""Writes what was worked out of Jobs: their rows, their roll-ups, and who follows them."""

from typing import NamedTuple, Self

from portal.core.bulk import Packed, Upsert
from portal.jobs.changes import Batch
from portal.jobs.following import moves_of
from portal.jobs.merge import COLUMNS, KEY, JobRow
from portal.jobs.models import Job
from portal.jobs.rollups import RollupWriter
from portal.operations import services as operations
from portal.servers.models import CometServer
from portal.servers.placements import note_jobs_moved


class Ready(NamedTuple):
    """A batch with its rows as the database takes them."""

    batch: Batch
    new: Packed
    changed: Packed


class Writer:
    """Writes Jobs and their roll-ups, a few by `write`, many in three steps of which only `move` locks
    anything. Use it as a context.
    """

    def __init__(self) -> None:
        self._jobs = Upsert(Job, unique=KEY, update=COLUMNS[len(KEY) :])
        self._rollups = RollupWriter()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._jobs.__exit__()

    def pack(self, batch: Batch) -> Ready:
        """Asks no database, so that any thread may do it."""
        changed = (change.row.values() for change in batch.differing + batch.redigested)
        return Ready(batch, self._jobs.pack(batch.new), self._jobs.pack(changed))

    def fill(self, ready: Ready) -> None:
        """Hold what changes for the next `move`."""
        self._jobs.fill(ready.changed)

    def move(self, ready: Ready) -> None:
        """Write it; the server's rows are locked."""
        self._jobs.insert(ready.new)
        self._jobs.move()
        self._rollups.write(ready.batch.deltas)

    def write(self, batch: Batch) -> None:
        """Write what changes a few Jobs."""
        self._jobs.write(change.row.values() for change in batch.differing)
        self._rollups.write(batch.deltas)


def note_written(server: CometServer, batch: Batch) -> int:
    """Tell what a batch, just written, means beside its rows; the server's rows are locked.

    Gives by how much the revision of the server's Jobs rose.
    """
    if not batch.differing and not batch.new:
        return 0
    note_jobs_moved(server.pk)
    followed = operations.followed_jobs(server.pk)
    if followed:  # few Jobs are waited for
        rows = [change.row for change in batch.differing if change.row.guid in followed]
        rows += [row for row in (JobRow(*columns) for columns in batch.new) if row.guid in followed]
        operations.jobs_moved(server.pk, moves_of(rows))
    return 1
