"""How many events there were a day: counted in the database, after the fact, so that storing costs nothing.

A day is counted again as long as it is the latest one counted, days in their order: so whatever breaks
off, the next count begins where this one was.
"""

import datetime as dt
from collections.abc import Iterable
from typing import Final

from django.conf import settings
from django.db.models import Count, F, Max, Min, QuerySet
from django.db.models.functions import TruncDate
from django.utils import timezone

from portal.core.bulk import upsert
from portal.live.models import Event, EventCount

UNIQUE: Final = ("placement_id", "span", "begins_on", "type")


def midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), dt.UTC)


def month_of(day: dt.date, later: int = 0) -> dt.date:
    """The first day of the month of `day`, or of one `later` months after it."""
    months = day.year * 12 + day.month - 1 + later
    return dt.date(months // 12, months % 12 + 1, 1)


def kept_from() -> dt.date | None:
    """The first day of which events are kept; None where all are."""
    if settings.EVENT_RETENTION_MONTHS <= 0:
        return None
    return month_of(timezone.now().date(), -settings.EVENT_RETENTION_MONTHS)


def write_counts(span: EventCount.Span, begins_on: dt.date, rows: Iterable[tuple[int, int, int]]) -> None:
    """Write how many there were by placement and type, in short transactions; what is equal stays."""
    lines = [(placement_id, span.value, begins_on, number, count) for placement_id, number, count in rows]
    upsert(EventCount, lines, unique=UNIQUE, update=("count",))


def count_days() -> None:
    """Count the latest day again, and those after it, up to today."""
    latest = EventCount.objects.filter(span=EventCount.Span.DAY).aggregate(at=Max("begins_on"))["at"]
    day = latest or _first_day()
    if latest is not None and (kept := kept_from()) is not None and latest < kept:
        day = latest + dt.timedelta(days=1)  # its events may be going at this moment
    while day is not None and day <= timezone.now().date():
        _count_day(day)
        day += dt.timedelta(days=1)


def move_counts(events: QuerySet[Event], placement_id: int) -> None:
    """Count these events where they are about to be moved, in the caller's transaction."""
    day = TruncDate("received_at", tzinfo=dt.UTC)
    moved = events.exclude(placement=placement_id).annotate(day=day).order_by()
    for held_by, begins_on, number, count in moved.values_list("placement", "day", "type").annotate(
        Count("pk")
    ):
        there = EventCount.objects.filter(span=EventCount.Span.DAY, begins_on=begins_on, type=number)
        if there.filter(placement=held_by).update(count=F("count") - count):
            line = [(placement_id, EventCount.Span.DAY.value, begins_on, number, count)]
            upsert(EventCount, line, unique=UNIQUE, update=(), add=("count",))


def _first_day() -> dt.date | None:
    first = Event.objects.aggregate(at=Min("received_at"))["at"]
    return first.astimezone(dt.UTC).date() if first else None


def _count_day(day: dt.date) -> None:
    found = list(_events_of(day).values_list("placement", "type").annotate(Count("pk")).order_by())
    write_counts(EventCount.Span.DAY, day, found)
    held = EventCount.objects.filter(span=EventCount.Span.DAY, begins_on=day)
    there = {(placement_id, number) for placement_id, number, _ in found}
    gone = [pk for pk, *key in held.values_list("pk", "placement", "type") if tuple(key) not in there]
    if gone:
        held.filter(pk__in=gone).delete()


def _events_of(day: dt.date) -> QuerySet[Event]:
    next_day = midnight(day + dt.timedelta(days=1))
    return Event.objects.filter(received_at__gte=midnight(day), received_at__lt=next_day)
