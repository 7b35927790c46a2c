"""Items that wait for a Job: they move and end as Comet says the Job does, never by a clock.

`jobs` is a later room. It tells of Jobs that moved (`jobs_moved`) and hands in a function that tells
where Jobs stand now, for those that moved before an item followed them.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from portal.core.events import publish
from portal.core.prepared import Prepared
from portal.core.states import State
from portal.operations.endings import end_item, settle
from portal.operations.models import Operation, OperationItem
from portal.operations.registry import Follow, cancel_followed_of
from portal.operations.totals import show_progress

Item = OperationItem.State
FOLLOWING: Final = Q(state=Item.FOLLOWING)

_ENDS: Final = {
    State.SUCCEEDED: Item.SUCCEEDED,
    State.WARNING: Item.SUCCEEDED,
    State.SKIPPED: Item.CANCELLED,
    State.UNKNOWN: Item.UNCERTAIN,
}


@dataclass(frozen=True, slots=True)
class JobMove:
    """Where a Job stands. `text` is said beside the bar: `312 of 1,204 files`, `Failed: quota`.

    `done` and `total` are what the Job itself counts (0 for a total it does not know); `counter` is
    Comet's own Counter, which rises with each sign of life.
    """

    guid: str
    state: State
    status: int
    done: int
    total: int
    text: str
    ended: bool
    counter: int = 0
    job_id: int = 0
    """The portal's row of the Job, for a link to its page."""


JobsNow = Callable[[int, Sequence[str]], list[JobMove]]
_jobs_now: list[JobsNow] = []


def use_jobs(jobs_now: JobsNow) -> None:
    """Take `jobs_now(server_id, guids)` as what tells where Jobs stand. Called once, from `jobs`."""
    _jobs_now[:] = [jobs_now]


def jobs_moved(server_id: int, moves: Sequence[JobMove]) -> None:
    """Pass on what Jobs of one server did to the items that follow them. Call it in the transaction
    that wrote the Jobs. A move that says nothing new counts as no sign of life.
    """
    by_guid = {move.guid: move for move in moves}
    if not by_guid:
        return
    following = _following(server_id)
    moved = [pk for pk, guid in following.values_list("pk", "follow_guid") if guid in by_guid]
    if not moved:
        return  # nearly always: few Jobs are waited for
    items = list(following.filter(pk__in=moved).select_related("operation").order_by("operation_id", "pk"))
    job_ids = _job_ids(server_id, {item.follow_guid for item in items if not item.result.get("job_id")})
    for item in items:
        item.result |= {"job_id": job_ids.get(item.follow_guid) or item.result.get("job_id", 0)}
        _move(item, by_guid[item.follow_guid])


_followed = Prepared(lambda server: _following(server).values_list("follow_guid"))


def followed_jobs(server_id: int) -> set[str]:
    """GUIDs of the Jobs of one server that items wait for."""
    return {guid for (guid,) in _followed(server_id)}


def _following(server_id: int) -> QuerySet[OperationItem]:
    return OperationItem.objects.filter(FOLLOWING, follow_server_id=server_id)


def _job_ids(server_id: int, guids: set[str]) -> dict[str, int]:
    """The portal's rows of Jobs that nobody has asked for yet."""
    if not guids:
        return {}
    return {move.guid: move.job_id for jobs_now in _jobs_now for move in jobs_now(server_id, list(guids))}


def catch_up(items: Iterable[OperationItem]) -> None:
    """Ask where the Jobs of these following items stand now, and pass it on."""
    guids: dict[int, list[str]] = defaultdict(list)
    for item in items:
        if item.follow_server_id is not None:
            guids[item.follow_server_id].append(item.follow_guid)
    for jobs_now in _jobs_now:
        for server_id, wanted in guids.items():
            with transaction.atomic():
                jobs_moved(server_id, jobs_now(server_id, wanted))


def follow(item: OperationItem, outcome: Follow, *, where: Q) -> bool:
    """Let `item` wait for a Job from now on, if it still matches `where`. Catches up with what the
    Job did meanwhile, and cancels it if the Operation was cancelled meanwhile.
    """
    with transaction.atomic():
        operation = Operation.objects.select_for_update().get(pk=item.operation_id)
        following = OperationItem.objects.filter(where, pk=item.pk).update(
            state=Item.FOLLOWING,
            follow_server_id=outcome.server_id,
            follow_guid=outcome.guid,
            claim_expires_at=None,
            ended_at=None,
            error="",
            progress_text=outcome.text[:255],
            progress_at=timezone.now(),
            stalled=False,
            result={**item.result, "job_guid": outcome.guid},
        )
        if not following:
            return False
        settle(operation)
        publish("operation.changed", tenant_id=operation.tenant_id, operation=operation.pk, item=item.pk)
        if operation.cancel_requested_at is not None:
            cancel_followed(operation, operation.cancelled_by)
    catch_up(OperationItem.objects.filter(FOLLOWING, pk=item.pk))
    return True


def cancel_followed(operation: Operation, user: Any) -> None:
    """Ask the kind to stop the Jobs that the Operation's items follow."""
    hook = cancel_followed_of(operation.kind)
    items = list(OperationItem.objects.filter(FOLLOWING, operation=operation).order_by("pk"))
    if hook is not None and items:
        hook(operation, items, user)


def _move(item: OperationItem, move: JobMove) -> None:
    if move.state == State.INTERRUPTED and not move.ended:
        text = "Its Job gives no sign of life any more. Look whether the device is on, then start it again."
        end_item(item, Item.UNCERTAIN, where=FOLLOWING, error=text, result=item.result)
        return
    if move.ended:
        state = _ENDS.get(move.state, Item.FAILED)
        end_item(
            item,
            state,
            where=FOLLOWING,
            error="" if state == Item.SUCCEEDED else move.text,
            progress_done=move.done,
            progress_total=move.total,
            progress_text=move.text[:255],
            result={**item.result, "job_status": move.status},
        )
        return
    text = move.text[:255]
    stood = (item.progress_done, item.progress_total, item.progress_text, item.progress_counter)
    if stood == (move.done, move.total, text, move.counter):
        return
    moved = OperationItem.objects.filter(FOLLOWING, pk=item.pk).update(
        progress_done=move.done,
        progress_total=move.total,
        progress_text=text,
        progress_counter=move.counter,
        progress_at=timezone.now(),
        stalled=False,
        result=item.result,
    )
    if moved:
        operation: Operation = item.operation
        show_progress(operation, move.done, move.total, text)
        publish("operation.changed", tenant_id=operation.tenant_id, operation=operation.pk, item=item.pk)
