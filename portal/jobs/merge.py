"""Which of two reports of one Job holds, whatever the order in which they arrive."""

from dataclasses import dataclass, fields
from datetime import datetime
from operator import attrgetter
from typing import Any, Final

from comet.constants import JobStatus
from comet.types import BackupJobDetail
from portal.core.states import State
from portal.core.wire import SMALL, clip, moment, natural
from portal.jobs.records import JobRecord
from portal.jobs.states import state_of

AnyJob = JobRecord | BackupJobDetail

GUID_LIMIT: Final = 64


@dataclass(slots=True)
class JobRow:
    """The columns of a Job as they are to be stored, in the order they are written."""

    server_id: int
    guid: str
    placement_id: int
    profile_id: int | None
    device_id: int | None
    username: str
    device_name: str
    item_guid: str
    item_name: str
    vault_guid: str
    vault_name: str
    classification: int
    status: int
    state: str
    started_at: datetime
    ended_at: datetime | None
    client_version: str
    files: int
    size_bytes: int
    upload_bytes: int
    download_bytes: int
    cancellation_id: str
    progress_counter: int
    progress_bytes: int
    progress_items: int
    progress_items_total: int
    progress_at: datetime | None
    digest: str

    def values(self) -> tuple[Any, ...]:
        return _values_of(self)

    @property
    def counted_at(self) -> datetime | None:
        """The moment its result is counted at; None while there is no result."""
        if self.ended_at is not None:
            return self.ended_at
        if self.state == State.INTERRUPTED:
            return self.progress_at or self.started_at
        return None


COLUMNS: Final = tuple(field.name for field in fields(JobRow))
KEY: Final = COLUMNS[:2]
_values_of = attrgetter(*COLUMNS)


def is_newer(report: AnyJob, status: int, ended_at: datetime | None, counter: int) -> bool:
    """Whether `report` says something later than what is stored.

    An end beats running and the later end the earlier, since lists and retries come late. The
    exception is a Job that was abandoned and reported again: Comet calls it revived.
    """
    ended = moment(report.end_time)
    if ended_at is not None:
        if ended is None:
            return status == JobStatus.FAILED_ABANDONED and report.status == JobStatus.RUNNING_REVIVED
        return ended >= ended_at
    if ended is not None:
        return True
    if report.status == JobStatus.NOT_YET_STARTED != status:
        return False
    return (report.progress.counter if report.progress else 0) >= counter or report.progress is None


def merge(row: JobRow, report: AnyJob, now: datetime) -> None:
    """Give `row` what `report` says; progress moves only when its Counter has risen.

    A Job that stood still long enough to count as interrupted stays so until the Counter rises.
    """
    progress = report.progress
    rose = progress is not None and progress.counter > row.progress_counter
    row.classification = natural(report.classification, SMALL)
    row.started_at = moment(report.start_time) or row.started_at
    row.ended_at = moment(report.end_time)
    state = state_of(report.status, row.ended_at)
    if row.state != State.INTERRUPTED or state != State.RUNNING or rose or report.status != row.status:
        row.state = state
    row.status = natural(report.status, SMALL)
    row.client_version = clip(report.client_version, 40)
    row.files, row.size_bytes = natural(report.total_files), natural(report.total_size)
    row.upload_bytes, row.download_bytes = natural(report.upload_size), natural(report.download_size)
    row.cancellation_id = clip(report.cancellation_id, 128)
    if progress is not None and rose:
        row.progress_counter = natural(progress.counter)
        row.progress_bytes = natural(progress.bytes_done)
        row.progress_items = natural(progress.items_done)
        row.progress_items_total = natural(progress.items_total)
        row.progress_at = now
