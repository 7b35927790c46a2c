"""Removes events by whole months (UTC) once they are older than they are kept. How many there were stays.

May be broken off anywhere: a month's counts are added up from its days as long as events of it remain,
then its events go, then its days.
"""

import datetime as dt
from collections.abc import Iterator
from typing import Any, Final

import structlog
from django.db import connection, models, transaction
from django.db.models import Min, Sum

from portal.core.pacing import Pacer
from portal.live.counts import kept_from, midnight, month_of, write_counts
from portal.live.models import Event, EventCount

CHUNK: Final = 200
"""Events of one transaction on SQLite, where everybody else waits meanwhile."""

CHUNK_ELSEWHERE: Final = 5_000

log = structlog.get_logger(__name__)


def remove_old_months() -> list[dt.date]:
    """Remove what is older than EVENT_RETENTION_MONTHS; gives the months by their first days."""
    removed: list[dt.date] = []
    kept = kept_from()
    while kept is not None and (month := _oldest_month()) is not None and month < kept:
        _remove(month)
        removed.append(month)
    return removed


def _oldest_month() -> dt.date | None:
    """The first month of which there are events, or counts of single days."""
    event = Event.objects.aggregate(at=Min("received_at"))["at"]
    days = EventCount.objects.filter(span=EventCount.Span.DAY)
    found = [event.astimezone(dt.UTC).date() if event else None, days.aggregate(at=Min("begins_on"))["at"]]
    return min((month_of(day) for day in found if day is not None), default=None)


def _remove(month: dt.date) -> None:
    end = month_of(month, 1)
    days = EventCount.objects.filter(span=EventCount.Span.DAY, begins_on__gte=month, begins_on__lt=end)
    if Event.objects.filter(received_at__lt=midnight(end)).exists():
        by_type = days.values_list("placement", "type").annotate(Sum("count")).order_by()
        write_counts(EventCount.Span.MONTH, month, by_type)
    events = sum(_delete_events(midnight(end)))
    pacer = Pacer()
    while ids := list(days.order_by().values_list("pk", flat=True)[: _chunk()]):
        with pacer, transaction.atomic():
            EventCount.objects.filter(pk__in=ids).delete()
    pacer.rest()
    log.info("events.removed", month=f"{month:%Y-%m}", events=events)


def _delete_events(before: dt.datetime) -> Iterator[int]:
    """Delete what came before a moment, the oldest first; yields how many went with each transaction."""
    pacer = Pacer()
    oldest = Event.objects.filter(received_at__lt=before).order_by("received_at", "pk")
    reached = dt.datetime.min.replace(tzinfo=dt.UTC)  # what is gone need not be stepped over again
    while chunk := list(oldest.filter(received_at__gte=reached).values_list("received_at", "pk")[: _chunk()]):
        with pacer, transaction.atomic():
            _delete([pk for _, pk in chunk])
        reached = chunk[-1][0]
        yield len(chunk)
    pacer.rest()


def _delete(ids: list[int]) -> None:
    """Delete events without reading them; what other tables hold of them goes, or forgets them."""
    for relation in Event._meta.related_objects:
        held: Any = relation.related_model._base_manager.filter(**{f"{relation.field.name}__in": ids})
        if relation.on_delete is models.CASCADE:
            held.delete()
        else:
            held.update(**{relation.field.name: None})
    rows = Event.objects.filter(pk__in=ids)
    rows._raw_delete(rows.db)


def _chunk() -> int:
    return CHUNK if connection.vendor == "sqlite" else CHUNK_ELSEWHERE
