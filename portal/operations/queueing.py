"""Hands items to Celery. What Redis loses is found by the sweep, so a failure here costs seconds."""

from datetime import timedelta
from typing import Final

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from portal.core.background import send_task
from portal.operations.models import OperationItem
from portal.operations.registry import get_kind

WINDOW: Final = 8
"""Items of one Operation that are with Celery at a time; each that is done hands the next over. So an
Operation on thousands of devices never keeps somebody else's click waiting behind all of them. Half of
a worker's threads: an Operation on a server that never answers leaves the other half to everybody else."""

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
    """Items that some worker should take now and that are not (or no longer) with Celery.

    Items that were never queued are due only where nothing of their Operation is under way: else they
    wait for one that is to hand over.
    """
    now = timezone.now()
    lost = Q(queued_at__lte=now - LOST_AFTER)
    waits = Q(state=OperationItem.State.PENDING)
    under_way = OperationItem.objects.filter(
        waits & Q(queued_at__gt=now - LOST_AFTER)
        | Q(state=OperationItem.State.CLAIMED, claim_expires_at__gt=now),
        operation=OuterRef("operation"),
    )
    never_queued = waits & Q(queued_at=None, run_after=None) & ~Q(Exists(under_way))
    queued_in_vain = waits & Q(run_after=None) & lost
    again = waits & Q(run_after__lte=now) & (Q(queued_at=None) | lost)
    abandoned = Q(state=OperationItem.State.CLAIMED, claim_expires_at__lte=now) & (Q(queued_at=None) | lost)
    return OperationItem.objects.filter(never_queued | queued_in_vain | again | abandoned).order_by("pk")


def _unqueued(operation_id: int) -> QuerySet[OperationItem]:
    return OperationItem.objects.filter(
        operation_id=operation_id, state=OperationItem.State.PENDING, queued_at=None, run_after=None
    ).order_by("pk")
