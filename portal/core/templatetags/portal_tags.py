"""What every page draws alike: icons, states, times, sizes, trends, strips."""

import datetime as dt
from collections.abc import Sequence
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Protocol

from django import template
from django.contrib.staticfiles import finders
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from portal.core.states import State

register = template.Library()

UNITS = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))
"""Seconds in each unit that durations are said in, largest first."""


@register.simple_tag
@cache
def icon(name: str, label: str = "") -> SafeString:
    """A Tabler outline icon as inline SVG. Decoration unless `label` says what it means.

    Raises:
        LookupError: `static/vendor/tabler-icons/` has no such icon.
    """
    path = finders.find(f"vendor/tabler-icons/{name}.svg")
    if not isinstance(path, str):
        raise LookupError(f"no icon named {name!r} in static/vendor/tabler-icons/")
    drawing = Path(path).read_text(encoding="utf-8")
    drawing = drawing[drawing.index("<path") : drawing.index("</svg>")]
    said = format_html('role="img" aria-label="{}"', label) if label else SafeString('aria-hidden="true"')
    return format_html(
        '<svg class="icon icon-{}" viewBox="0 0 24 24" width="20" height="20" fill="none" {}'
        ' stroke="currentColor" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round">{}</svg>',
        name,
        said,
        SafeString(" ".join(drawing.split())),
    )


@register.simple_tag
@cache
def shape(name: str) -> SafeString:
    """The drawing of a state's shape, 12 px, in the colour of the text around it."""
    drawing = render_to_string("components/_shape.html", {"shape": name})
    return SafeString(" ".join(drawing.split()))


@register.simple_tag
@lru_cache(maxsize=1024)
def status(state: State | str, percent: int | None = None, detail: str = "") -> SafeString:
    """A state as shape, tone and word. `percent` is said of running ones. Of the few there are, each is
    drawn once a process.
    """
    context = {"state": as_state(state), "percent": percent, "detail": detail}
    return SafeString(render_to_string("components/_status.html", context).strip())


def as_state(value: State | str | None) -> State:
    """The State of a stored value; UNKNOWN for one this code does not know."""
    try:
        return State(value or State.UNKNOWN)
    except ValueError:
        return State.UNKNOWN


@register.simple_tag(name="ago")
def ago_tag(moment: dt.datetime | None, empty: str = "never") -> SafeString:
    """`{% ago moment empty="not yet" %}`: as the filter, with a word of one's own for None."""
    return ago(moment, empty)


@register.filter
def ago(moment: dt.datetime | None, empty: str = "never") -> SafeString:
    """`<time>` that says how long ago `moment` was; `static/js/time.js` keeps it true."""
    if moment is None:
        return format_html('<span class="text-secondary">{}</span>', empty)
    said = time_ago(moment, timezone.now())
    return _time_element(moment.replace(microsecond=0), timezone.get_current_timezone(), said)


@lru_cache(maxsize=1024)
def _time_element(second: dt.datetime, zone: dt.tzinfo, said: str) -> SafeString:
    """Kept, since what happens at once is told at once; `zone` is the one that is active."""
    return format_html(
        '<time datetime="{}" title="{}" tabindex="0">{}</time>',
        _machine_time(second),
        _exact_time(second),
        said,
    )


def _machine_time(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).isoformat(timespec="seconds")


def _exact_time(moment: dt.datetime) -> str:
    local = timezone.localtime(moment)
    return f"{local:%a} {local.day} {local:%b %Y, %H:%M:%S %Z}"


def time_ago(moment: dt.datetime, now: dt.datetime) -> str:
    """`12 min ago`, `in 3 h`; the date beyond 30 days. The same rule stands in `static/js/time.js`."""
    seconds = abs((now - moment).total_seconds())
    if seconds < 60:
        return "just now"
    if seconds >= 30 * 86_400:
        local = timezone.localtime(moment)
        return f"{local.day} {local:%b %Y}"
    amount = largest_unit(seconds)
    return f"{amount} ago" if moment <= now else f"in {amount}"


def largest_unit(seconds: float) -> str:
    """Whole days, hours, minutes or seconds: `2 days`, `3 h`, `14 min`, `9 s`."""
    size, unit = next(((size, unit) for size, unit in UNITS if seconds >= size), UNITS[-1])
    amount = int(seconds // size)
    if unit == "d":
        return f"{amount} day" if amount == 1 else f"{amount} days"
    return f"{amount} {unit}"


@register.filter
def age(moment: dt.datetime) -> SafeString:
    """`<time>` that says how long ago, without "ago": `14 min`."""
    return format_html(
        '<time datetime="{}" title="{}" data-age>{}</time>',
        _machine_time(moment),
        _exact_time(moment),
        largest_unit(max(0.0, (timezone.now() - moment).total_seconds())),
    )


@register.filter
def clock(moment: dt.datetime) -> SafeString:
    """`<time>` that says the hour of today, `02:10`; with the day where it is another, `12 Nov 02:10`."""
    local = timezone.localtime(moment)
    today = timezone.localtime(timezone.now()).date()
    said = f"{local:%H:%M}" if local.date() == today else f"{local.day} {local:%b %H:%M}"
    return format_html(
        '<time datetime="{}" title="{}" data-clock="minutes">{}</time>',
        _machine_time(moment),
        _exact_time(moment),
        said,
    )


@register.filter
def iec(size_bytes: int | float | None) -> str:
    """Bytes in IEC units, three figures: `0 B`, `1.50 KiB`, `12.3 GiB`, `340 TiB`."""
    if size_bytes is None:
        return "–"
    size = float(size_bytes)
    unit = "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"):
        if abs(size) < 999.5 or unit == "EiB":
            break
        size /= 1024
    if unit == "B":
        return f"{size:.0f} B"
    digits = 2 if abs(size) < 9.995 else 1 if abs(size) < 99.95 else 0
    return f"{size:.{digits}f} {unit}"


@register.filter
def duration(span: dt.timedelta | int | float | None) -> str:
    """Seconds or a timedelta in its two largest units: `42 s`, `3 min 12 s`, `2 h 5 min`, `3 d 4 h`."""
    if span is None:
        return "–"
    seconds = int(span.total_seconds() if isinstance(span, dt.timedelta) else span)
    for (large, large_word), (small, small_word) in pairwise(UNITS):
        if seconds >= large:
            rest = seconds % large // small
            return f"{seconds // large} {large_word}" + (f" {rest} {small_word}" if rest else "")
    return f"{seconds} s"


@register.filter
def middle(text: str, length: int = 24) -> SafeString:
    """Long names cut in the middle, where they differ least; the whole as title and for readers."""
    text = str(text)
    if len(text) <= length:
        return format_html("{}", text)
    head, tail = length // 2, (length - 1) // 2
    return format_html(
        '<span class="cut" title="{}"><span aria-hidden="true">{}…{}</span>'
        '<span class="visually-hidden">{}</span></span>',
        text,
        text[:head],
        text[-tail:],
        text,
    )


@register.filter
def fit(text: str, tail: int = 4) -> SafeString:
    """A name on one line, cut before its last `tail` characters where its column is too narrow."""
    text = str(text)
    if len(text) <= tail * 2:
        return format_html("{}", text)
    end = text[-tail:].lstrip()
    return format_html(
        '<span class="fit" title="{}"><span class="fit-head" aria-hidden="true">{}</span>'
        '<span aria-hidden="true">{}</span><span class="visually-hidden">{}</span></span>',
        text,
        text.removesuffix(end),
        end,
        text,
    )


@register.simple_tag
def sparkline(values: Sequence[float | None], label: str = "Trend") -> SafeString:
    """A zero-based trend line of `values`, oldest first; gaps (None) are drawn as zero."""
    points = [value or 0 for value in values]
    if len(points) < 2:
        return SafeString("")
    top = max(points) or 1
    step = 100 / (len(points) - 1)
    line = " ".join(f"{i * step:.1f},{22 - 20 * value / top:.1f}" for i, value in enumerate(points))
    return format_html(
        '<svg class="sparkline" viewBox="0 0 100 24" preserveAspectRatio="none" role="img"'
        ' aria-label="{}: {}">'
        '<polygon points="0,24 {} 100,24"/><polyline points="{}"/></svg>',
        label,
        ", ".join(f"{value:g}" for value in points),
        line,
        line,
    )


class StripDay(Protocol):
    """One cell of a strip."""

    day: dt.date
    state: State | str
    title: str
    url: str


@register.simple_tag
def day_strip(days: Sequence[StripDay], label: str = "By day") -> SafeString:
    """A row of days, oldest first, each in its worst state and leading to that day's rows.

    A day's `title` is such as "3 of 41 failed"; an empty `url` makes it no link.
    """
    return format_html(
        '<ol class="strip" aria-label="{}">{}</ol>',
        label,
        format_html_join("", "<li>{}</li>", ((_strip_cell(day),) for day in days)),
    )


def _strip_cell(cell: StripDay) -> SafeString:
    state = as_state(cell.state)
    said = f"{cell.day:%a} {cell.day.day} {cell.day:%b}: {cell.title or state.label}"
    return format_html(
        '<{} class="strip-cell tone-{}" title="{}">{}<span class="visually-hidden">{}</span></{}>',
        format_html('a href="{}"', cell.url) if cell.url else SafeString("span"),
        state.tone,
        said,
        shape(state.shape),
        said,
        SafeString("a" if cell.url else "span"),
    )
