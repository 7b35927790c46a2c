"""What is looked after every few seconds, so that neither a lost message nor a dead worker matters."""

from typing import Final

from django.db.models import F, Q
from django.utils import timezone

from portal.core.events import Fact, publish_all
from portal.operations.endings import end_item
from portal.operations.following import FOLLOWING, catch_up
from portal.operations.models import STANDSTILL, OperationItem
from portal.operations.queueing import due, queue_items

Item = OperationItem.State

AT_ONCE: Final = 500
"""Items looked at per sweep; what is left is next."""


def sweep() -> None:
    """Queue what is due, say what stands still, and ask after the Jobs of items without news."""
    queue_items(due()[:AT_ONCE])
    _mark_stalled()
    _end_orphans()
    catch_up(OperationItem.objects.filter(FOLLOWING, stalled=True).order_by("pk")[:AT_ONCE])


def _mark_stalled() -> None:
    silent = OperationItem.objects.filter(
        state__in=[Item.CLAIMED, Item.FOLLOWING], stalled=False, progress_at__lte=timezone.now() - STANDSTILL
    )
    rows = list(silent.order_by("pk").annotate(owner_id=F("operation__tenant_id"))[:AT_ONCE])
    still_silent = Q(state__in=[Item.CLAIMED, Item.FOLLOWING])
    facts = []
    for row in rows:
        if OperationItem.objects.filter(still_silent, pk=row.pk, progress_at=row.progress_at).update(
            stalled=True
        ):
            ids = {"operation": row.operation_id, "item": row.pk}
            facts.append(Fact("operation.changed", row.owner_id, ids))
    publish_all(facts)


def _end_orphans() -> None:
    """End items whose Comet Server was unlinked: nobody will tell of their Jobs any more."""
    for item in OperationItem.objects.filter(FOLLOWING, follow_server=None).order_by("pk")[:AT_ONCE]:
        text = f"{item.news_from} is not linked any more, so how its Job ends is not known."
        end_item(item, Item.UNCERTAIN, where=FOLLOWING, error=text)
