"""How audit entries are drawn."""

from typing import Any, Final

from django import template

from portal.audit.models import Entry
from portal.audit.selectors import owner_details
from portal.audit.words import changes_in, said, told

register = template.Library()

LOOKS: Final = {
    Entry.Outcome.DONE: ("disc", "green"),
    Entry.Outcome.REFUSED: ("hollow-square", "amber"),
    Entry.Outcome.FAILED: ("square", "red"),
    Entry.Outcome.CANCELLED: ("dash", "grey"),
    Entry.Outcome.NONE: ("ring", "blue"),
}
"""Shape and tone of each outcome."""

register.filter("said", said)


@register.inclusion_tag("audit/_entry_row.html", takes_context=True)
def entry_row(context: template.Context, entry: Entry) -> dict[str, Any]:
    """One action with both its halves; `entry` comes from `selectors.list_actions`."""
    endings: list[Entry] = getattr(entry, "endings", [])
    end = endings[0] if endings else None
    outcome, word = (Entry.Outcome(end.outcome), end.get_outcome_display()) if end else _without_end(entry)
    shape, tone = LOOKS[outcome]
    access = context["request"].access
    halves = [_told(half, owner_details(access, half)) for half in (entry, end) if half is not None]
    return {
        "entry": entry,
        "end": end,
        "shape": shape,
        "tone": tone,
        "outcome": word,
        "object": entry.object_label or (end.object_label if end else ""),
        "halves": [half for half in halves if any(half.values())],
    }


@register.inclusion_tag("audit/_told.html")
def told_of(entry: Entry, for_owner: dict[str, Any]) -> dict[str, Any]:
    """What is told of one half, with what the reader may know of the owner's."""
    return _told(entry, for_owner)


@register.inclusion_tag("audit/_outcome.html")
def outcome_mark(entry: Entry) -> dict[str, str]:
    """How it ended, by shape, colour and word."""
    shape, tone = LOOKS[Entry.Outcome(entry.outcome)]
    return {"shape": shape, "tone": tone, "word": entry.get_outcome_display()}


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


def _without_end(entry: Entry) -> tuple[Entry.Outcome, str]:
    """What is being counted is refused already, though its end is written when the minute is over."""
    repeat = getattr(entry, "repeat", None)
    if repeat is None:
        return Entry.Outcome.NONE, "Not ended yet"
    times = f", {repeat.times} times so far" if repeat.times > 1 else ""
    return Entry.Outcome.REFUSED, f"{Entry.Outcome.REFUSED.label}{times}"


def _told(entry: Entry, for_owner: dict[str, Any]) -> dict[str, Any]:
    return {
        "told": told(entry.details),
        "changes": changes_in(entry.details) + changes_in(for_owner),
        "for_owner": told(for_owner),
    }
