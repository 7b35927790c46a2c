"""Hands items to Celery. What Redis loses is found by the sweep, so a failure here costs seconds."""

from datetime import timedelta
from typing import Final

from django.db.models import Q, QuerySet
from django.utils import timezone

from portal.core.background import send_task
from portal.operations.models import OperationItem
from portal.operations.registry import get_kind

WINDOW: Final = 100
"""Items of one Operation that are with Celery at a time; each that ends hands the next over."""

LOST_AFTER: Final = timedelta(seconds=30)
"""A queued item that no worker took for this long is queued again; taking it twice is harmless."""


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
        if not send_task("portal.operations.tasks.run_item", pk, queue=queue_of(kind)):
            return sent
    return len(rows)


def queue_of(kind: str) -> str:
    """The queue of a kind; a kind nobody has registered goes where it is told to have failed."""
    try:
        return get_kind(kind).queue
    except LookupError:
        return "default"


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
