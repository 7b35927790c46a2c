"""Which worker holds an item. Decided by one conditional UPDATE, before any call is made."""

import uuid
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from portal.core.events import publish
from portal.operations.models import Operation, OperationItem
from portal.operations.registry import Kind, get_kind

Item = OperationItem.State


@dataclass(frozen=True, slots=True)
class Claim:
    """An item that this worker holds until `claim_expires_at`, which `keeping` and progress renew."""

    item: OperationItem
    kind: Kind
    token: uuid.UUID
    outcome_unknown: bool
    """An earlier attempt may have done it, and doing it again would do harm."""

    @property
    def held(self) -> Q:
        """Matches the item while this claim stands."""
        return Q(state=Item.CLAIMED, claim_token=self.token)

    @property
    def may_answer(self) -> Q:
        """Matches it also after it was given up as uncertain: a late answer is still the truth."""
        return self.held | Q(state=Item.UNCERTAIN)


def take(item_id: int) -> Claim | None:
    """Claim an item that waits, or whose claim ran out; None when it is not to be had.

    Raises:
        LookupError: no room has registered its kind.
    """
    item = OperationItem.objects.select_related("operation__started_by").filter(pk=item_id).first()
    if item is None or not _is_due(item):
        return None
    kind = get_kind(item.operation.kind)
    now = timezone.now()
    token = uuid.uuid4()
    unknown = item.state == Item.CLAIMED and not kind.repeatable
    columns: dict[str, object] = {
        "state": Item.CLAIMED,
        "claim_token": token,
        "queued_at": None,
        "claim_expires_at": now + kind.lease,
        "claimed_at": item.claimed_at if unknown else now,
        "attempts": item.attempts + 1,
        "run_after": None,
        "error": "",
        "progress_at": item.progress_at if unknown else now,
    }
    as_read = Q(pk=item.pk, state=item.state, claim_token=item.claim_token, attempts=item.attempts)
    operation = item.operation
    with transaction.atomic():
        # The Operation's row comes before its items', as wherever both are written: else a cancel and a
        # claim could wait for one another.
        Operation.objects.filter(pk=operation.pk, state=Operation.State.QUEUED).update(
            state=Operation.State.RUNNING
        )
        if not OperationItem.objects.filter(as_read).update(**columns):
            return None
        publish("operation.changed", tenant_id=operation.tenant_id, operation=operation.pk, item=item.pk)
    for name, value in columns.items():
        setattr(item, name, value)
    return Claim(item, kind, token, outcome_unknown=unknown)


def _is_due(item: OperationItem) -> bool:
    now = timezone.now()
    if item.state == Item.PENDING:
        return item.run_after is None or item.run_after <= now
    return item.state == Item.CLAIMED and item.claim_expires_at is not None and item.claim_expires_at <= now
