"""Hands items to Celery. What Redis loses is found by the sweep, so a failure here costs seconds."""

from datetime import timedelta
from typing import Final

import structlog
from celery import current_app
from django.db.models import Q, QuerySet
from django.utils import timezone
from kombu.exceptions import OperationalError

from portal.operations.models import OperationItem
from portal.operations.registry import get_kind

WINDOW: Final = 100
"""Items of one Operation that are with Celery at a time; each that ends hands the next over."""

LOST_AFTER: Final = timedelta(seconds=30)
"""A queued item that no worker took for this long is queued again; taking it twice is harmless."""

log = structlog.get_logger(__name__)


def queue_first(operation_id: int) -> None:
    """Queue the first items of an Operation that has just been committed."""
    queue_items(_unqueued(operation_id)[:WINDOW])


def queue_next(operation_id: int) -> None:
    """Queue one more item of an Operation, after one has ended."""
    queue_items(_unqueued(operation_id)[:1])


def queue_items(items: QuerySet[OperationItem]) -> int:
    """Give these items to Celery, each on the queue of its kind; tells how many were given."""
    rows = list(items.values_list("pk", "operation__kind"))
    OperationItem.objects.filter(pk__in=[pk for pk, _ in rows]).update(queued_at=timezone.now())
    for sent, (pk, kind) in enumerate(rows):
        try:
            current_app.send_task(
                "portal.operations.tasks.run_item", args=[pk], queue=get_kind(kind).queue, retry=False
            )
        except (OperationalError, OSError) as exc:
            log.warning("operation.not_queued", items=len(rows) - sent, error=str(exc))
            return sent
    return len(rows)


def due() -> QuerySet[OperationItem]:
    """Items that some worker should take now and that are not (or no longer) with Celery."""
    now = timezone.now()
    waiting = Q(state=OperationItem.State.PENDING) & (Q(run_after=None) | Q(run_after__lte=now))
    abandoned = Q(state=OperationItem.State.CLAIMED, claim_expires_at__lte=now)
    not_queued = Q(queued_at=None) | Q(queued_at__lte=now - LOST_AFTER)
    return OperationItem.objects.filter(waiting | abandoned, not_queued).order_by("pk")


def _unqueued(operation_id: int) -> QuerySet[OperationItem]:
    return OperationItem.objects.filter(
        operation_id=operation_id, state=OperationItem.State.PENDING, queued_at=None, run_after=None
    ).order_by("pk")
