"""When quiet hours end and when a morning is, in a time zone whose clocks change."""

from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

MORNING: Final = time(7, 0)


def quiet_end(now: datetime, start: time, end: time, zone: str) -> datetime | None:
    """The end of the quiet hours that `now` lies in, in UTC; None where it lies in none.

    They begin at `start` of a day, and end at the next `end` after that, by the clocks of `zone`.
    Equal times are no quiet hours. An hour that the clocks repeat counts by its first time, one that
    they skip by what the clocks showed before.
    """
    if start == end:
        return None
    today = now.astimezone(ZoneInfo(zone)).date()
    for day in (today - timedelta(days=1), today):
        begins = _moment(datetime.combine(day, start), zone)
        ends = _moment(datetime.combine(day + timedelta(days=end < start), end), zone)
        if begins <= now < ends:
            return ends
    return None


def next_morning(now: datetime, zone: str) -> datetime:
    """The next seven o'clock in `zone`, in UTC."""
    today = now.astimezone(ZoneInfo(zone)).date()
    mornings = (_moment(datetime.combine(today + timedelta(days=days), MORNING), zone) for days in range(3))
    return next(morning for morning in mornings if morning > now)


def _moment(wall: datetime, zone: str) -> datetime:
    return wall.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
