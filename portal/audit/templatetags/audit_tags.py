"""How audit entries are drawn."""

from typing import Any, Final

from django import template

from portal.audit.models import Entry
from portal.audit.words import said, told

register = template.Library()

LOOKS: Final = {
    Entry.Outcome.DONE: ("disc", "green"),
    Entry.Outcome.REFUSED: ("hollow-square", "amber"),
    Entry.Outcome.FAILED: ("square", "red"),
    Entry.Outcome.CANCELLED: ("dash", "grey"),
}
"""Shape and tone of each outcome."""

register.filter("said", said)


@register.inclusion_tag("audit/_entry_row.html")
def entry_row(entry: Entry) -> dict[str, Any]:
    """One action with both its halves; `entry` comes from `selectors.list_actions`."""
    endings: list[Entry] = getattr(entry, "endings", [])
    end = endings[0] if endings else None
    shape, tone = LOOKS[Entry.Outcome(end.outcome)] if end else ("ring", "blue")
    return {
        "entry": entry,
        "end": end,
        "shape": shape,
        "tone": tone,
        "told": told(entry.details),
        "told_at_end": told(end.details) if end else [],
    }


@register.filter
def milliseconds(duration_ms: int | None) -> str:
    """How long it took: `120 ms`, `4.2 s`, `3 min`."""
    if duration_ms is None:
        return ""
    if duration_ms < 1000:
        return f"{duration_ms} ms"
    if duration_ms < 60_000:
        return f"{duration_ms / 1000:.1f} s"
    return f"{duration_ms // 60_000} min"
