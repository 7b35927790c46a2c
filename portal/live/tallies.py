"""How many events there were, as bars: by day, or by month as far back as anything is known."""

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from django.db.models import Max, Q, QuerySet, Sum
from django.urls import reverse
from django.utils import timezone

from portal.core.access import Access
from portal.live.counts import kept_from, midnight, month_of
from portal.live.filters import MOMENT
from portal.live.kinds import KINDS, types_in
from portal.live.models import EventCount
from portal.live.search import Search

DAYS: Final = 30
MONTHS: Final = 24


@dataclass(frozen=True, slots=True)
class Bar:
    """One day or month (UTC) and how many events there were. No address: there are none, or none any more."""

    begins_on: dt.date
    label: str
    count: int
    height: float
    """Of 100, the highest bar."""
    url: str = ""


def counted_until() -> dt.date | None:
    """The latest day that was counted; None before the first time."""
    days = EventCount.objects.filter(span=EventCount.Span.DAY)
    latest: dt.date | None = days.aggregate(at=Max("begins_on"))["at"]
    return latest


def list_counts(search: Search, access: Access, *, by_month: bool = False) -> list[Bar]:
    """Bars, the oldest first, up to today. Who caused an event, and text, are not counted by."""
    today = timezone.now().date()
    rows = EventCount.objects.visible_to(access, "activity:view").filter(_asked(search))
    if by_month:
        starts = [month_of(today, -back) for back in reversed(range(MONTHS))]
        counts = _counted(rows.filter(span=EventCount.Span.MONTH, begins_on__gte=starts[0]))
        rolled = frozenset(counts)  # whose days are going, or gone
        for day, count in _counted(rows.filter(span=EventCount.Span.DAY, begins_on__gte=starts[0])).items():
            if month_of(day) not in rolled:
                counts[month_of(day)] += count
    else:
        starts = [today - dt.timedelta(days=back) for back in reversed(range(DAYS))]
        counts = _counted(rows.filter(span=EventCount.Span.DAY, begins_on__gte=starts[0]))
    return _bars(starts, counts, search, by_month=by_month)


def _asked(search: Search) -> Q:
    asked = Q()
    if search.server is not None:
        asked &= Q(placement__server=search.server)
    if search.tenant is not None:
        asked &= Q(placement__tenant__in=search.tenant.subtree())
    if search.type is not None:
        asked &= Q(type=search.type)
    elif search.group == "other":
        asked &= ~Q(type__in=[int(number) for number in KINDS])
    elif search.group:
        asked &= Q(type__in=types_in(search.group))
    return asked


def _counted(rows: QuerySet[EventCount]) -> dict[dt.date, int]:
    counts: dict[dt.date, int] = defaultdict(int)
    counts.update(rows.order_by().values_list("begins_on").annotate(Sum("count")))
    return counts


def _bars(starts: list[dt.date], counts: dict[dt.date, int], search: Search, *, by_month: bool) -> list[Bar]:
    most = max((counts.get(start, 0) for start in starts), default=0) or 1
    kept = kept_from()
    return [
        Bar(
            begins_on=start,
            label=f"{start:%b %Y}" if by_month else f"{start:%a} {start.day} {start:%b}",
            count=counts.get(start, 0),
            height=100 * counts.get(start, 0) / most,
            url=_address(search, start, by_month)
            if counts.get(start) and (kept is None or start >= kept)
            else "",
        )
        for start in starts
    ]


def _address(search: Search, start: dt.date, by_month: bool) -> str:
    """The events of one bar, in the viewer's time, with the other filters."""
    last = month_of(start, 1) - dt.timedelta(days=1) if by_month else start
    zone = timezone.get_current_timezone()
    since, until = midnight(start), midnight(last + dt.timedelta(days=1)) - dt.timedelta(minutes=1)
    query = {
        "q": search.text,
        "type": search.type if search.type is not None else search.group,
        "person": search.person,
        "server": search.server.pk if search.server else "",
        "tenant": search.tenant.pk if search.tenant else "",
        "since": f"{since.astimezone(zone):{MOMENT}}",
        "until": f"{until.astimezone(zone):{MOMENT}}",
    }
    told = {name: value for name, value in query.items() if value != ""}
    return f"{reverse('live:activity')}?{urlencode(told)}"
