"""What is counted of Jobs, kept true by difference: what a Job no longer is goes, what it is comes."""

from collections.abc import Callable, Mapping
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
_EPOCH: Final = date(1970, 1, 1).toordinal()


HOUR: Final = 3600
DAY: Final = 86_400


class Tally(NamedTuple):
    """How one Job is counted. `at` is when it ended, in Unix seconds; None while it runs, which counts
    nowhere."""

    placement_id: int
    device_id: int | None
    state: str
    at: int | None
    upload_bytes: int


class Deltas:
    """Differences gathered over a batch, then written with two statements."""

    def __init__(self) -> None:
        self._hours: dict[tuple[int, int], list[int]] = {}
        self._days: dict[tuple[int, int], list[int]] = {}

    def replace(self, before: Tally | None, after: Tally) -> None:
        if before == after:
            return
        if before is not None:
            self._count(*before, -1)
        self._count(*after, 1)

    def add(
        self, placement_id: int, device_id: int | None, state: str, at: int | None, upload_bytes: int
    ) -> None:
        """Count a Job that was not there before; as in a `Tally`."""
        self._count(placement_id, device_id, state, at, upload_bytes, 1)

    def _count(
        self,
        placement_id: int,
        device_id: int | None,
        state: str,
        at: int | None,
        upload_bytes: int,
        sign: int,
    ) -> None:
        column = _COLUMN.get(state)
        if at is None or column is None:
            return
        key = placement_id, at // HOUR
        hour = self._hours.get(key)
        if hour is None:
            hour = self._hours[key] = [0] * (_UPLOAD + 1)
        hour[column] += sign
        hour[_UPLOAD] += sign * upload_bytes
        if device_id is not None:
            key = device_id, at // DAY
            day = self._days.get(key)
            if day is None:
                day = self._days[key] = [0] * _UPLOAD
            day[column] += sign

    def hours(self) -> list[tuple[object, ...]]:
        """What to add to PlacementHour."""
        return _changed(self._hours, lambda hour: datetime.fromtimestamp(hour * HOUR, UTC))

    def days(self) -> list[tuple[object, ...]]:
        """What to add to DeviceDay."""
        return _changed(self._days, lambda day: date.fromordinal(_EPOCH + day))

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


def _changed(
    counts: Mapping[tuple[int, int], list[int]], start_of: Callable[[int], date]
) -> list[tuple[object, ...]]:
    starts = {number: start_of(number) for _, number in counts}
    return [
        (pk, starts[number], *numbers) for (pk, number), numbers in sorted(counts.items()) if any(numbers)
    ]
