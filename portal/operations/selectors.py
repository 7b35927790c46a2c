"""Reads of Operations."""

from statistics import mean
from typing import Final

from django.db.models import Count, QuerySet

from portal.core.access import Access
from portal.operations.models import Operation, OperationItem, percent_of

SUMMED: Final = 200
"""Running Operations that the pill adds up at most."""


def list_operations(access: Access) -> QuerySet[Operation]:
    """Operations of the caller's Tenants, whatever their state."""
    return Operation.objects.visible_to(access, "operation:view").select_related("tenant", "started_by")


def list_active(access: Access) -> list[Operation]:
    """Those that have not ended, oldest first."""
    return list(list_operations(access).filter(state__in=Operation.ACTIVE).order_by("pk")[:SUMMED])


def list_items(access: Access, operation: Operation, *, state: str = "") -> QuerySet[OperationItem]:
    """Its items in the caller's Tenants, or those of them in one state."""
    items = OperationItem.objects.visible_to(access, "operation:view")
    items = items.filter(operation=operation).select_related("operation")
    return items.filter(state=state) if state else items


def count_items(access: Access, operation: Operation) -> list[tuple[str, str, int]]:
    """How many of `list_items` are in each state that occurs: value, word, count; in the order of their
    life.
    """
    counts = dict(
        OperationItem.objects.visible_to(access, "operation:view")
        .filter(operation=operation)
        .values_list("state")
        .annotate(Count("pk"))
        .order_by()
    )
    return [
        (state.value, state.label, counts[state.value])
        for state in OperationItem.State
        if state.value in counts
    ]


def running_summary(access: Access) -> tuple[int, int | None]:
    """How many Operations run, and their mean percent; None while no total is known."""
    rows = list(
        Operation.objects.visible_to(access, "operation:view")
        .filter(state__in=Operation.ACTIVE)
        .values_list("progress_done", "progress_total")[:SUMMED]
    )
    known = [percent for done, total in rows if (percent := percent_of(done, total)) is not None]
    return len(rows), round(mean(known)) if known else None
