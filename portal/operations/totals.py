"""How far a whole Operation is, from how far its items are."""

from typing import Final

from django.db.models import F, Sum

from portal.operations.models import Operation, OperationItem

ADDED_UP: Final = 50
"""Up to this many items an Operation also counts how far its running ones are."""

WHOLE: Final = 100
"""What one ended item counts for there."""


def show_progress(operation: Operation, done: int, total: int, text: str) -> None:
    """Store how far an Operation is after one of its running items has moved to `done` of `total`.

    A single item's progress is the Operation's own. Large Operations count ended items alone.
    """
    stored = Operation.objects.filter(pk=operation.pk)
    if operation.items_total == 1:
        stored.update(progress_done=done, progress_total=total, progress_text=text)
    elif operation.items_total <= ADDED_UP:
        stored.update(progress_done=F("items_ended") * WHOLE + _running_part(operation))


def add_up(operation: Operation) -> None:
    """Set the totals of an Operation of several items whose `items_ended` has just been counted."""
    if operation.items_total > ADDED_UP:
        operation.progress_done, operation.progress_total = operation.items_ended, operation.items_total
    elif operation.items_total > 1:
        operation.progress_done = operation.items_ended * WHOLE + _running_part(operation)
        operation.progress_total = operation.items_total * WHOLE


def first_total(items: int) -> int:
    """The total of a new Operation; 0 while it is not known."""
    if items == 1:
        return 0
    return items * WHOLE if items <= ADDED_UP else items


def _running_part(operation: Operation) -> int:
    running = OperationItem.objects.filter(
        operation=operation,
        state__in=[OperationItem.State.CLAIMED, OperationItem.State.FOLLOWING],
        progress_total__gt=0,
        progress_done__lte=F("progress_total"),
    )
    part = running.aggregate(part=Sum(F("progress_done") * WHOLE / F("progress_total")))["part"]
    return int(part or 0)
