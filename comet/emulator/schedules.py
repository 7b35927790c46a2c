"""When the times of a schedule (ScheduleConfig) are due, by the clock on the wall of the device.

SecondsPast counts from the full hour, from midnight, from midnight on Sunday, from midnight on the first of
the month, or from midnight of the selected day of the year. It is a Unix time for a schedule that runs once,
and the length of the period, from 1970 and its Offset on, for a periodic one. A day that a month does not
have is passed over, and so is the hour left out in spring; the hour that comes twice in autumn counts once.
"""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from comet.emulator.population import DAY

Wire = dict[str, Any]
ONCE, DAILY, HOURLY, WEEKLY, MONTHLY, PERIODIC, YEARLY = range(8010, 8017)
LONGEST_DELAY = 18_000
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """The time zone of that IANA name; UTC for a name that means nothing."""
    try:
        return ZoneInfo(name or "UTC")
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")


def due(schedule: Wire, minute: int, local: datetime) -> int | None:
    """The Unix second within a minute (since 1970) at which the schedule is due; None if it is not.

    `local` is the begin of that minute on the device's clock.
    """
    begins = minute * 60
    wait = _wait(schedule, begins, local)
    if wait is None or not 0 <= wait < 60 or not _is_allowed(schedule, local):
        return None
    return begins + wait


@lru_cache(maxsize=8192)
def second_of_day(zone_name: str, day: int, hour: int) -> int:
    """Which second of a UTC day (since 1970) has that hour on the clocks of a time zone."""
    second = hour * 3600
    for _ in range(2):  # the second time with the offset that holds at that hour
        there = datetime.fromtimestamp(day * DAY + second, UTC).astimezone(zone(zone_name))
        offset = there.utcoffset()
        second = (hour * 3600 - int(offset.total_seconds() if offset else 0)) % DAY
    return second


def _wait(schedule: Wire, begins: int, local: datetime) -> int | None:
    """Seconds from the begin of the minute to when the schedule is due; None if that is not told by it."""
    kind, past = schedule["FrequencyType"], schedule["SecondsPast"]
    if kind == ONCE:
        return int(past - begins)
    if kind == PERIODIC:
        return int((schedule.get("Offset", 0) - begins) % past) if past >= 60 else None
    in_hour = local.minute * 60
    if kind == HOURLY:
        return int(past % 3600 - in_hour)
    if local.fold:
        return None
    in_day = local.hour * 3600 + in_hour
    if kind == DAILY:
        return int(past - in_day)
    if kind == WEEKLY:
        return int(past - (local.isoweekday() % 7 * DAY + in_day))
    if kind == MONTHLY:
        return int(past - ((local.day - 1) * DAY + in_day))
    if kind == YEARLY and (local.month, local.day) == (schedule["SelectedMonth"], schedule["SelectedDay"]):
        return int(past - in_day)
    return None


def _is_allowed(schedule: Wire, local: datetime) -> bool:
    """Whether the schedule may run at this hour and on this day."""
    if schedule["RestrictDays"] and not schedule["DaysSelect"][_WEEKDAYS[local.weekday()]]:
        return False
    if not schedule["RestrictRuntime"]:
        return True
    now = (local.hour, local.minute)
    opens, closes = ((schedule[n]["Hour"], schedule[n]["Minutes"]) for n in ("FromTime", "ToTime"))
    return opens <= now < closes if opens <= closes else now >= opens or now < closes
