"""Writes what Comet Servers report of Jobs: from events, windows and polls alike.

Safe to repeat and safe out of order. Everything that follows from a Job is written in the same
transaction: roll-ups, how its Protected Item and Device stand, Operations that follow it, facts.
"""

import itertools
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import structlog
from django.db import connection, transaction
from django.utils import timezone

from portal.core.bulk import upsert
from portal.core.events import Fact, publish_all
from portal.core.states import State
from portal.core.wire import is_key
from portal.jobs.following import moves_of
from portal.jobs.item_results import apply_results
from portal.jobs.merge import COLUMNS, GUID_LIMIT, KEY, AnyJob, JobRow, blank_row, is_newer, merged
from portal.jobs.models import Job
from portal.jobs.owners import Owners, owners_of
from portal.jobs.rollups import Deltas, Tally
from portal.operations import services as operations
from portal.servers.models import CometServer
from portal.servers.placements import lock_server

log = structlog.get_logger(__name__)

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


def apply_jobs(server: CometServer, jobs: Iterable[AnyJob], *, bulk: bool = False) -> ApplyResult:
    """Store what `server` reports of Jobs; calls no server and opens no long transaction.

    The number of queries is the same for one Job as for 500. With `bulk`, transactions of 500 Jobs
    alternate with pauses, and the roll-ups of whole windows are written without a fact for each
    Job and without touching Protected Items: call `refresh_items` after the last window.
    """
    reports = _latest(server, jobs)
    result = ApplyResult()
    if not reports:
        return result
    owners = owners_of(server, reports) if bulk else None
    for chunk in _chunks(reports):
        began = time.perf_counter()
        with transaction.atomic():
            result += _apply_chunk(server, chunk, owners or owners_of(server, chunk), bulk=bulk)
        if bulk and connection.vendor == "sqlite" and not connection.in_atomic_block:
            time.sleep(time.perf_counter() - began)
    return result


def _latest(server: CometServer, jobs: Iterable[AnyJob]) -> list[AnyJob]:
    """One report for each GUID, the newest of those in the batch."""
    latest: dict[str, AnyJob] = {}
    for report in jobs:
        if not is_key(report.guid, GUID_LIMIT):
            log.warning("job.unusable_guid", server_id=server.pk, length=len(report.guid))
            continue
        held = latest.get(report.guid)
        if held is None or _beats(report, held):
            latest[report.guid] = report
    return list(latest.values())


def _beats(report: AnyJob, held: AnyJob) -> bool:
    row = merged(blank_row(0, held), held, now=timezone.now(), first_seen=True)
    return is_newer(report, row.status, row.ended_at, row.progress_counter)


def _chunks(reports: Sequence[AnyJob]) -> Iterator[list[AnyJob]]:
    iterator = iter(reports)
    while chunk := list(itertools.islice(iterator, CHUNK)):
        yield chunk


def _apply_chunk(server: CometServer, chunk: list[AnyJob], owners: Owners, *, bulk: bool) -> ApplyResult:
    # Only one writer at a time may work out what a server's Jobs add to the roll-ups.
    lock_server(server)
    now = timezone.now()
    changes = [_change(server, report, held, owners, now) for report, held in _with_stored(server, chunk)]
    differing = [change for change in changes if change.differs]
    upsert(
        Job,
        [change.row.values() for change in differing],
        unique=KEY,
        update=COLUMNS[len(KEY) :],
        pause=False,
    )
    deltas = Deltas()
    for change in differing:
        deltas.replace(change.before, tally_of(change.row))
    deltas.write()
    rows = [change.row for change in differing]
    operations.jobs_moved(server.pk, moves_of(rows))
    added = sum(change.pk is None for change in differing)
    result = ApplyResult(added, len(differing) - added, len(changes) - len(differing))
    if bulk:
        return result
    ids = {change.row.guid: change.pk for change in changes if change.pk is not None}
    if added:
        new = [change.row.guid for change in differing if change.pk is None]
        ids |= dict(Job.objects.filter(server=server, guid__in=new).values_list("guid", "pk"))
    result.job_ids = {guid: pk for guid, pk in ids.items() if pk is not None}
    publish_all(_facts(differing, result.job_ids, owners))
    apply_results(server, rows, owners.tenant_ids)
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
