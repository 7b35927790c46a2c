"""What is counted of Jobs, kept true by difference: what a Job no longer is goes, what it is comes."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Final, NamedTuple

from portal.core.bulk import Upsert
from portal.core.states import State
from portal.jobs.models import DeviceDay, PlacementHour

COUNTED: Final = (
    State.SUCCEEDED.value,
    State.WARNING.value,
    State.FAILED.value,
    State.MISSED.value,
    State.SKIPPED.value,
    State.INTERRUPTED.value,
)
"""The columns of `Counts`."""

_COLUMN: Final = {state: position for position, state in enumerate(COUNTED)}
_UPLOAD: Final = len(COUNTED)


class Tally(NamedTuple):
    """How one Job is counted. `at` is when it ended; None while it runs, which counts nowhere."""

    placement_id: int
    device_id: int | None
    state: str
    at: datetime | None
    upload_bytes: int


class Deltas:
    """Differences gathered over a batch, then written with two statements."""

    def __init__(self) -> None:
        self._hours: dict[tuple[int, datetime], list[int]] = defaultdict(lambda: [0] * (_UPLOAD + 1))
        self._days: dict[tuple[int, date], list[int]] = defaultdict(lambda: [0] * _UPLOAD)

    def replace(self, before: Tally | None, after: Tally) -> None:
        if before == after:
            return
        if before is not None:
            self._count(before, -1)
        self._count(after, 1)

    def add(self, tally: Tally) -> None:
        """Count a Job that was not there before."""
        self._count(tally, 1)

    def _count(self, tally: Tally, sign: int) -> None:
        column = _COLUMN.get(tally.state)
        if tally.at is None or column is None:
            return
        hour = self._hours[tally.placement_id, tally.at.replace(minute=0, second=0, microsecond=0)]
        hour[column] += sign
        hour[_UPLOAD] += sign * tally.upload_bytes
        if tally.device_id is not None:
            at = tally.at if tally.at.tzinfo is UTC else tally.at.astimezone(UTC)
            self._days[tally.device_id, at.date()][column] += sign

    def hours(self) -> list[tuple[object, ...]]:
        """What to add to PlacementHour."""
        return _changed(self._hours.items())

    def days(self) -> list[tuple[object, ...]]:
        """What to add to DeviceDay."""
        return _changed(self._days.items())

    def write(self) -> None:
        """Add the differences, within the caller's transaction."""
        RollupWriter().write(self)


class RollupWriter:
    """Adds differences to the roll-ups."""

    def __init__(self) -> None:
        self._hours = Upsert(
            PlacementHour, unique=("placement_id", "hour"), update=(), add=(*COUNTED, "upload_bytes")
        )
        self._days = Upsert(DeviceDay, unique=("device_id", "day"), update=(), add=COUNTED)

    def write(self, deltas: Deltas) -> None:
        """By two statements, within the caller's transaction."""
        self._hours.write(deltas.hours())
        self._days.write(deltas.days())


def _changed(counts: Iterable[tuple[tuple[int, date], list[int]]]) -> list[tuple[object, ...]]:
    return [(*key, *numbers) for key, numbers in sorted(counts) if any(numbers)]
