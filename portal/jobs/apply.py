"""Writes what Comet Servers report of Jobs: from events, windows and polls alike.

Safe to repeat and safe out of order. Everything that follows from a Job is written in the same
transaction: roll-ups, how its Protected Item and Device stand, Operations that follow it, facts.
"""

from collections.abc import Iterable, Iterator, Sequence
from types import MappingProxyType
from typing import Final

from django.db import transaction

from portal.core.chunks import chunked
from portal.core.events import Fact, publish_all
from portal.core.prepared import Prepared
from portal.core.states import State
from portal.jobs.bulk import CHUNK, apply_in_bulk
from portal.jobs.changes import (
    ApplyResult,
    Batch,
    Change,
    Digests,
    Stored,
    held_of,
    latest_of,
    tally_of,
    work_out,
)
from portal.jobs.following import moves_of
from portal.jobs.item_results import apply_results
from portal.jobs.merge import COLUMNS, AnyJob, JobRow
from portal.jobs.models import Job
from portal.jobs.owners import Owners, owners_of
from portal.jobs.rollups import Deltas
from portal.jobs.slices import Slice
from portal.jobs.writer import Writer, note_written
from portal.operations import services as operations
from portal.servers.models import CometServer
from portal.servers.placements import lock_server, note_jobs_moved

_NO_DIGESTS: Final[Digests] = MappingProxyType({})


_ids = Prepared(
    lambda server, guids: Job.objects.filter(server=server, guid__any_of=guids).values_list("guid", "pk")
)


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

    The number of queries is the same for one Job as for 500. With `bulk`, transactions of many Jobs
    alternate with pauses, and the roll-ups of whole windows are written without a fact for each
    Job and without touching Protected Items: call `refresh_items` after the last window.
    """
    return apply_slices(server, [Slice.of(latest_of(server, jobs), digests)], bulk=bulk)


def apply_slices(server: CometServer, slices: Iterable[Slice], *, bulk: bool) -> ApplyResult:
    """As `apply_jobs`, of what was reported slice by slice."""
    if bulk:
        return apply_in_bulk(server, slices)
    result = ApplyResult()
    for part in slices:
        for chunk in chunked(part.reports, CHUNK):
            with transaction.atomic(), Writer() as writer:
                lock_server(server)
                owners = owners_of(server, chunk)
                held = held_of(server, {report.guid for report in chunk})
                batch = work_out(server, chunk, owners, held, part.digests)
                writer.write(batch)
                note_written(server, batch)
                result += _tell(server, batch, owners)
    return result


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
        name = "job.added" if change.pk is None else "job.changed"
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
        note_jobs_moved(server.pk)
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
