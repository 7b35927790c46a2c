"""How Operations are drawn: their states, clock times, and the pill of every page."""

import datetime as dt
from typing import Any, Final

from django import template
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from portal.core.access import NO_ACCESS
from portal.operations.models import Operation, OperationItem
from portal.operations.selectors import running_summary

register = template.Library()

LOOKS: Final = {
    "queued": ("dash", "grey"),
    "pending": ("dash", "grey"),
    "running": ("ring", "blue"),
    "claimed": ("ring", "blue"),
    "following": ("ring", "blue"),
    "succeeded": ("disc", "green"),
    "failed": ("square", "red"),
    "cancelled": ("dash", "grey"),
    "uncertain": ("broken-ring", "orange"),
}
"""Shape and tone of each state of an Operation or item."""

TARGETS: Final = {
    "device": "fleet:device-detail",
    "server": "servers:server-detail",
    "job": "jobs:job-detail",
    "user": "fleet:user-detail",
    "user_profile": "fleet:user-detail",
}
"""The page of an item's target, by its type."""


@register.inclusion_tag("operations/_state.html")
def operation_state(row: Operation | OperationItem) -> dict[str, Any]:
    """The state of an Operation or item as shape, tone and word."""
    shape, tone = LOOKS[row.state]
    word = row.get_state_display()
    if isinstance(row, OperationItem) and row.state == OperationItem.State.PENDING and row.error:
        shape, tone, word = "triangle", "amber", "Waiting to try again"
    return {"shape": shape, "tone": tone, "word": word, "state": row.state}


@register.filter
def clock_time(moment: dt.datetime) -> SafeString:
    """`<time>` that reads as the clock, `10:42:10`, in the reader's zone."""
    return format_html(
        '<time datetime="{}" data-clock>{}</time>',
        moment.astimezone(dt.UTC).isoformat(timespec="seconds"),
        f"{timezone.localtime(moment):%H:%M:%S}",
    )


@register.simple_tag
def target_url(item: OperationItem) -> str:
    """The page of what the item works on, or ''."""
    name = TARGETS.get(item.target_type)
    return reverse(name, args=[item.target_id]) if name else ""


@register.inclusion_tag("operations/_operations_pill.html", takes_context=True)
def operations_pill(context: template.Context) -> dict[str, Any]:
    """How many Operations the reader may see are under way, and how far they are."""
    access = getattr(context["request"], "access", NO_ACCESS)
    running, percent = running_summary(access)
    return {"running": running, "percent": percent}
