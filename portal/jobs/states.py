"""Comet's Job status numbers as the portal's states and words. Numbers decide, never text."""

from datetime import datetime
from typing import Final

from comet.constants import JobStatus
from portal.core.states import State

_FAILED_RANGE: Final = range(7000, 8000)
_RUNNING_RANGE: Final = range(6000, 7000)
_SUCCESS_RANGE: Final = range(5000, 6000)

_STATES: Final[dict[int, State]] = {
    JobStatus.FAILED_WARNING: State.WARNING,
    JobStatus.FAILED_SCHEDULEMISSED: State.MISSED,
    JobStatus.FAILED_CANCELLED: State.SKIPPED,
    JobStatus.FAILED_SKIPALREADYRUNNING: State.SKIPPED,
}
_WORDS: Final[dict[int, str]] = {
    JobStatus.RUNNING_REVIVED: "Running again",
    JobStatus.RUNNING_TRYAGAIN: "Will try again",
    JobStatus.NOT_YET_STARTED: "Waiting for the device",
    JobStatus.FAILED_TIMEOUT: "Failed: timed out",
    JobStatus.FAILED_ERROR: "Failed: error",
    JobStatus.FAILED_QUOTA: "Failed: quota",
    JobStatus.FAILED_CANCELLED: "Cancelled",
    JobStatus.FAILED_SKIPALREADYRUNNING: "Skipped: already running",
    JobStatus.FAILED_ABANDONED: "Failed: abandoned",
}

GOOD: Final = frozenset({State.SUCCEEDED, State.WARNING})
"""Ends after which there is something to restore from."""

BAD: Final = frozenset({State.FAILED, State.MISSED, State.INTERRUPTED, State.WARNING})
"""Ends after which somebody has to look."""


def state_of(status: int, ended: datetime | int | None) -> State:
    """The state that follows from Comet's status and whether the Job has an end time.

    By range, so that a number this code does not know still lands in the right place. A Job that
    has ended without a verdict was interrupted.
    """
    if status in _SUCCESS_RANGE:
        return State.SUCCEEDED
    if status in _RUNNING_RANGE:
        return State.INTERRUPTED if ended else State.RUNNING
    if status in _FAILED_RANGE:
        return _STATES.get(status, State.FAILED)
    return State.UNKNOWN


def word_of(status: int) -> str:
    """What a person reads for Comet's status: `Succeeded`, `Failed: quota`, `Cancelled`."""
    return _WORDS.get(status) or state_of(status, None).label
