"""How items end, and what that makes of their Operation."""

from typing import Any, Final

from django.db import transaction
from django.db.models import Count, Q
from django.utils import timezone

from portal.audit import services as audit
from portal.audit.models import Entry
from portal.core.events import publish
from portal.operations.models import Operation, OperationItem
from portal.operations.totals import add_up

Item = OperationItem.State

_OUTCOMES: Final = {
    Operation.State.SUCCEEDED: Entry.Outcome.DONE,
    Operation.State.CANCELLED: Entry.Outcome.CANCELLED,
    Operation.State.FAILED: Entry.Outcome.FAILED,
    Operation.State.UNCERTAIN: Entry.Outcome.FAILED,
}


def end_item(item: OperationItem, state: Item, *, where: Q, error: str = "", **columns: Any) -> bool:
    """End `item` if it still matches `where`, and settle its Operation, in one transaction.

    False when the row does not match any more: somebody else has decided.
    """
    with transaction.atomic():
        operation = Operation.objects.select_for_update().get(pk=item.operation_id)
        ended = OperationItem.objects.filter(where, pk=item.pk).update(
            state=state,
            error=error,
            stalled=False,
            claim_expires_at=None,
            run_after=None,
            ended_at=timezone.now(),
            **columns,
        )
        if ended:
            settle(operation)
            publish("operation.changed", tenant_id=operation.tenant_id, operation=operation.pk, item=item.pk)
    return bool(ended)


def settle(operation: Operation) -> None:
    """Count the ended items anew and end the Operation with the last of them.

    Call it in the transaction that changed items, with the Operation's row locked.
    """
    counts: dict[str, int] = dict(
        OperationItem.objects.filter(operation=operation)
        .values_list("state")
        .annotate(Count("pk"))
        .order_by()
    )
    operation.items_ended = sum(counts.get(state, 0) for state in OperationItem.ENDED)
    operation.items_failed = counts.get(Item.FAILED, 0) + counts.get(Item.UNCERTAIN, 0)
    add_up(operation)
    before = operation.state
    if operation.items_ended >= operation.items_total:
        operation.state = _end_state(counts)
        operation.ended_at = operation.ended_at or timezone.now()
    elif not operation.is_active:  # an answer came after its item was given up as uncertain
        operation.state, operation.ended_at = Operation.State.RUNNING, None
    operation.save(
        update_fields=[
            "items_ended",
            "items_failed",
            "progress_done",
            "progress_total",
            "state",
            "ended_at",
        ]
    )
    if operation.state != before and not operation.is_active and operation.audit_entry is not None:
        audit.end(
            operation.audit_entry,
            _OUTCOMES[Operation.State(operation.state)],
            details={"state": operation.state, **{str(state): count for state, count in counts.items()}},
        )


def _end_state(counts: dict[str, int]) -> Operation.State:
    for item_state, state in (
        (Item.FAILED, Operation.State.FAILED),
        (Item.UNCERTAIN, Operation.State.UNCERTAIN),
        (Item.CANCELLED, Operation.State.CANCELLED),
    ):
        if counts.get(item_state):
            return state
    return Operation.State.SUCCEEDED
