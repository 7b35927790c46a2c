"""Closes calendar months of the chain, and removes those that are older than they are kept.

What is removed is a whole segment; its seal stays, so that the chain still verifies across it.
"""

import datetime as dt
from collections.abc import Iterator
from typing import Any, Final

from django.conf import settings
from django.db import connection, models, transaction
from django.utils import timezone

from portal.audit import services
from portal.audit.chain import get_head
from portal.audit.checkpoint import get_checkpoint
from portal.audit.keys import audit_keys
from portal.audit.models import Entry, Segment
from portal.audit.verification import seal_segment
from portal.core.pacing import Pacer

SETTLES: Final = dt.timedelta(days=1)
"""How long after its end a month is closed: what began in it has been sealed by then."""

BATCH: Final = 500


class RemovalRefused(Exception):
    """Nothing is removed, for the reason it says."""


def seal_months() -> list[Segment]:
    """Close the months that are over; gives the segments made."""
    made = []
    while audit_keys() and (segment := _next_segment()) is not None:
        seal_segment(segment)
        segment.save()
        made.append(segment)
    return made


def list_due() -> list[Segment]:
    """The closed months that are older than AUDIT_RETENTION_MONTHS, or whose removal was interrupted."""
    unfinished = [one for one in Segment.objects.exclude(removed_at=None).order_by("month") if _remains(one)]
    if settings.AUDIT_RETENTION_MONTHS <= 0:
        return unfinished
    oldest_kept = _month(timezone.now(), -settings.AUDIT_RETENTION_MONTHS)
    return [*unfinished, *Segment.objects.filter(removed_at=None, month__lt=oldest_kept).order_by("month")]


def prune(*, actor: Any = None) -> list[Segment]:
    """Remove the entries of every segment that is due; gives the segments. May be interrupted anywhere.

    Raises:
        RemovalRefused: the audit has not been found intact up to there.
    """
    removed = []
    for segment in list_due():
        if segment.removed_at is None:
            _require_intact(segment)
            with transaction.atomic():
                segment.removed_at = timezone.now()
                seal_segment(segment)
                segment.save()
                details = {"month": f"{segment.month:%Y-%m}", "entries": segment.count}
                details |= {"first": segment.first_number, "last": segment.last_number}
                services.note("audit.prune", services.DONE, actor=actor, tenant_id=None, details=details)
        for first, last in _batches(segment):
            _delete(first, last)
        removed.append(segment)
    return removed


def _next_segment() -> Segment | None:
    """The month after the last one closed, if it is over and anything was written in it."""
    last = Segment.objects.order_by("-last_number").first()
    first_number = last.last_number + 1 if last else 1
    first = Entry.objects.filter(number=first_number).first()
    if first is None:
        return None
    month = _month(first.at)
    if last is not None and month <= last.month:  # it waited for its seal across the month's end
        month = _month(last.month, 1)
    end = _midnight(_month(month, 1))
    if timezone.now() < end + SETTLES:
        return None
    beyond = Entry.objects.filter(number__gte=first_number, at__gte=end).order_by("number")
    next_number = beyond.values_list("number", flat=True).first() or get_head().number + 1
    if next_number == first_number:
        return None
    return Segment(
        month=month,
        first_number=first_number,
        last_number=next_number - 1,
        first_mac=first.mac,
        last_mac=Entry.objects.values_list("mac", flat=True).get(number=next_number - 1),
        sealed_at=timezone.now(),
    )


def _require_intact(segment: Segment) -> None:
    checkpoint = get_checkpoint()
    if checkpoint.problems or checkpoint.number < segment.last_number:
        raise RemovalRefused(
            f"{segment} is not removed: the audit was not found intact up to there."
            " Run `manage.py audit verify` first."
        )


def _remains(segment: Segment) -> bool:
    return Entry.objects.filter(number__range=(segment.first_number, segment.last_number)).exists()


def _batches(segment: Segment) -> Iterator[tuple[int, int]]:
    pacer = Pacer()
    for first in range(segment.first_number, segment.last_number + 1, BATCH):
        with pacer:
            yield first, min(first + BATCH - 1, segment.last_number)


@transaction.atomic
def _delete(first: int, last: int) -> None:
    """Delete entries by their numbers; rows of other rooms that point at one no longer do."""
    for relation in Entry._meta.get_fields(include_hidden=True):
        if getattr(relation, "on_delete", None) is models.SET_NULL:
            rows: Any = relation.related_model._base_manager  # type: ignore[union-attr]
            name = relation.field.name  # type: ignore[union-attr]
            rows.filter(**{f"{name}__number__range": (first, last)}).update(**{name: None})
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM audit_entry WHERE number BETWEEN %s AND %s", [first, last])


def _month(day: dt.date, later: int = 0) -> dt.date:
    """The first day of the month of `day` (UTC), or of one `later` months after it."""
    if isinstance(day, dt.datetime):
        day = day.astimezone(dt.UTC)
    months = day.year * 12 + day.month - 1 + later
    return dt.date(months // 12, months % 12 + 1, 1)


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), dt.UTC)
