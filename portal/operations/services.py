"""Starts and cancels Operations. No web request does long work itself: it starts one of these."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import transaction
from django.utils import timezone

from portal.audit import services as audit
from portal.core.events import publish
from portal.operations.endings import settle
from portal.operations.following import JobMove, cancel_followed, followed_jobs, jobs_moved
from portal.operations.models import Operation, OperationItem
from portal.operations.queueing import queue_first
from portal.operations.registry import get_kind
from portal.operations.totals import first_total

__all__ = ["JobMove", "Target", "cancel", "followed_jobs", "jobs_moved", "start"]

_BATCH = 500


@dataclass(frozen=True, slots=True)
class Target:
    """What one item works on: the row `id` of `type` (`device`), owned by `tenant_id`.

    `label` is its name for people, `server_name` that of the Comet Server it is on. `params` are the
    item's own, beside those of the Operation.
    """

    type: str
    id: int
    label: str
    tenant_id: int
    server_name: str = ""
    params: Mapping[str, Any] | None = None


def start(
    kind: str,
    *,
    title: str,
    tenant_id: int,
    user: Any,
    targets: Sequence[Target],
    params: Mapping[str, Any] | None = None,
    ip: str | None = None,
) -> Operation:
    """Write an Operation with its items, audit it, and give the items to Celery on commit.

    `tenant_id` is the Tenant whose people see the Operation. `user` is None when the portal itself
    starts it. `params` hold no secrets.

    Raises:
        LookupError: no room has registered `kind`.
        ValueError: there are no targets.
    """
    get_kind(kind)
    if not targets:
        raise ValueError("An Operation needs at least one target.")
    with transaction.atomic():
        operation = Operation.objects.create(
            kind=kind,
            title=title[:255],
            tenant_id=tenant_id,
            started_by=user,
            started_by_label=audit.label_of(user) if user is not None else "",
            params=dict(params or {}),
            items_total=len(targets),
            progress_total=first_total(len(targets)),
        )
        OperationItem.objects.bulk_create(
            [
                OperationItem(
                    operation=operation,
                    tenant_id=target.tenant_id,
                    target_type=target.type,
                    target_id=target.id,
                    label=target.label[:255],
                    server_name=target.server_name[:80],
                    params=dict(target.params or {}),
                )
                for target in targets
            ],
            batch_size=_BATCH,
        )
        operation.audit_entry = audit.begin(
            kind,
            actor=user,
            tenant_id=tenant_id,
            target=operation,
            ip=ip,
            details={"items": len(targets), "first": [target.label for target in targets[:20]]},
        )
        operation.save(update_fields=["audit_entry"])
        publish("operation.changed", tenant_id=tenant_id, operation=operation.pk, item=0)
        transaction.on_commit(partial(queue_first, operation.pk))
    return operation


def cancel(operation: Operation, *, user: Any, ip: str | None = None) -> None:
    """Cancel what has not ended: waiting items at once, running ones at their next report of
    progress, and Jobs that are followed by asking their Comet Server to stop them.

    Does nothing to an Operation that has ended.
    """
    with transaction.atomic():
        held = Operation.objects.select_for_update().get(pk=operation.pk)
        if not held.is_active:
            return
        held.cancel_requested_at = held.cancel_requested_at or timezone.now()
        held.cancelled_by = held.cancelled_by or user
        held.save(update_fields=["cancel_requested_at", "cancelled_by"])
        OperationItem.objects.filter(operation=held, state=OperationItem.State.PENDING).update(
            state=OperationItem.State.CANCELLED, ended_at=timezone.now(), run_after=None
        )
        settle(held)
        audit.note(
            "operation.cancel",
            audit.DONE,
            actor=user,
            tenant_id=held.tenant_id,
            target=held,
            ip=ip,
        )
        publish("operation.changed", tenant_id=held.tenant_id, operation=held.pk, item=0)
        cancel_followed(held, user)
