"""Tells the operations engine where Jobs stand, for the items that follow them."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from portal.core.states import State
from portal.jobs.merge import COLUMNS, JobRow
from portal.jobs.models import Job
from portal.jobs.states import word_of
from portal.operations.services import JobMove


def moves_of(rows: Iterable[JobRow]) -> list[JobMove]:
    """What the rows say of their Jobs."""
    return [
        JobMove(
            guid=row.guid,
            state=State(row.state),
            status=row.status,
            done=row.progress_items,
            total=row.progress_items_total,
            text=_text(row),
            ended=row.ended_at is not None,
            counter=row.progress_counter,
        )
        for row in rows
    ]


def jobs_now(server_id: int, guids: Sequence[str]) -> list[JobMove]:
    """Where Jobs of one server stand as far as it is known here."""
    stored = list(Job.objects.filter(server_id=server_id, guid__in=guids).values_list("pk", *COLUMNS))
    moves = moves_of(JobRow(*columns) for _, *columns in stored)
    return [replace(move, job_id=pk) for move, (pk, *_) in zip(moves, stored, strict=True)]


def _text(row: JobRow) -> str:
    if row.ended_at is None and row.state == State.RUNNING and row.progress_items_total:
        return f"{row.progress_items:,} of {row.progress_items_total:,} files"
    if row.state == State.INTERRUPTED:
        return State.INTERRUPTED.label
    return word_of(row.status)
