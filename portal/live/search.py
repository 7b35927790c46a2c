"""What the activity page is asked for, and how it is found among millions of events.

One condition leads: an index holds its events in the order of time, so that any page of them costs the
same. All others are asked of each event met on the way. How many those are is limited, since the next
that matches may lie ten million back: such a page says how far it looked, and leads on.
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from django.db.models import F, Func, Q
from django.db.models.lookups import Exact, In
from django.http import HttpRequest
from django.utils import timezone

from portal.core.access import Access
from portal.core.paging import Page, keyset_page, place_after, url_after
from portal.core.querysets import TenantQuerySet
from portal.core.tenant_sets import Everything
from portal.live.models import Event
from portal.live.selectors import event_lines, list_events
from portal.servers.models import CometServer, Placement
from portal.tenants.models import Tenant

SORTS: Final = {"received": "received_at"}
NEWEST: Final = "-received"

MOST_LOOKED_AT: Final = 10_000
"""Events that are looked at for one page."""

SPANS: Final = [dt.timedelta(minutes=3**power) for power in range(15)]
"""From a minute to nine years: how far back a page may look."""

FEW_PLACEMENTS: Final = 200
"""So many are named to the database one by one, which tells it how few events they have."""


@dataclass(frozen=True, kw_only=True)
class Search:
    """What somebody looks for among the events he may see. Each condition narrows."""

    server: CometServer | None = None
    tenant: Tenant | None = None
    """It and all below it."""
    group: str = ""
    type: int | None = None
    person: str = ""
    """Who caused it, by his whole name."""
    text: str = ""
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    """Before this moment."""


@dataclass(frozen=True, slots=True)
class Looked:
    """A page of events. Where the search stopped before its end, how far back it got, and what goes on."""

    page: Page[Event]
    back_to: dt.datetime | None = None
    further_url: str = ""


def look(search: Search, access: Access, request: HttpRequest) -> Looked:
    """The page of events that the request's address names."""
    plan = _plan(search, access)
    if plan.is_straight:
        return Looked(keyset_page(plan.rows(), request, sorts=SORTS, default=NEWEST))
    after = place_after(request, Event, "received_at")
    start = after or search.until or timezone.now()
    plan = plan.led_by_narrowest(start)
    edge = plan.edge(start)
    page = keyset_page(plan.rows(edge), request, sorts=SORTS, default=NEWEST, is_forward_only=True)
    if edge is None or page.next_url:
        return Looked(page)
    return Looked(page, edge, url_after(request, edge))


def look_at_all(search: Search, access: Access) -> Iterator[TenantQuerySet[Event]]:
    """All that is found, newest first, in parts of which none takes a long search."""
    start = search.until or timezone.now() + dt.timedelta(minutes=1)
    plan = _plan(search, access)
    if plan.is_straight:
        yield plan.rows()
        return
    plan = plan.led_by_narrowest(start)
    while (edge := plan.edge(start)) is not None:
        yield plan.rows(edge, start)
        start = edge
    yield plan.rows(until=start)


class _Aside(Func):
    """A column as SQLite reads it without an index, which it would else choose without knowing better."""

    arity = 1
    template = "%(expressions)s"

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self.as_sql(compiler, connection, template="+%(expressions)s", **extra)


@dataclass(frozen=True, slots=True)
class _Lead:
    """A condition with an index of its own: as it leads, and as it is asked of what another one found."""

    leading: Q
    asked: Q


def _lead(column: str, value: Any) -> _Lead:
    aside = _Aside(F(column))
    if isinstance(value, list):
        return _Lead(Q(**{f"{column}__in": value}), Q(In(aside, value)))
    return _Lead(Q(**{column: value}), Q(Exact(aside, value)))


@dataclass(frozen=True)
class _Plan:
    """How the events of a search are found."""

    search: Search
    scope: TenantQuerySet[Event]
    """Those that may be seen, unless the leads say which they are."""
    leads: list[_Lead]
    """The first one leads."""
    rest: Q
    """What no index helps with."""

    @property
    def is_straight(self) -> bool:
        """Whether one index holds what is looked for, and nothing else."""
        return len(self.leads) < 2 and not self.rest

    def rows(
        self, since: dt.datetime | None = None, until: dt.datetime | None = None
    ) -> TenantQuerySet[Event]:
        rows = self.scope.filter(self.rest)
        for number, lead in enumerate(self.leads):
            rows = rows.filter(lead.asked if number else lead.leading)
        for earliest in filter(None, (self.search.since, since)):
            rows = rows.filter(received_at__gte=earliest)
        for end in filter(None, (self.search.until, until)):
            rows = rows.filter(received_at__lt=end)
        return rows

    def led_by_narrowest(self, start: dt.datetime) -> "_Plan":
        """The same, led by the condition of which there were fewest events before `start`."""
        if len(self.leads) < 2:
            return self
        since = start - SPANS[-5]
        ordered = sorted(self.leads, key=lambda lead: _count(lead.leading, since, start))
        return replace(self, leads=ordered)

    def edge(self, start: dt.datetime) -> dt.datetime | None:
        """How far back from `start` one page may look; None: to the end. Four short counts."""
        leading = self.leads[0].leading if self.leads else Q()
        short, long = 0, len(SPANS)
        while short < long:
            middle = (short + long) // 2
            if _count(leading, start - SPANS[middle], start) <= MOST_LOOKED_AT:
                short = middle + 1
            else:
                long = middle
        edge = start - SPANS[max(short - 1, 0)]
        is_all = short == len(SPANS) or (self.search.since is not None and edge <= self.search.since)
        return None if is_all else edge


def _count(condition: Q, since: dt.datetime, until: dt.datetime) -> int:
    """How many events there are, as far as is looked at."""
    rows = Event.objects.filter(condition, received_at__gte=since, received_at__lte=until)
    return rows.order_by()[: MOST_LOOKED_AT + 1].count()


def _plan(search: Search, access: Access) -> _Plan:
    scope = list_events(access)
    leads: list[_Lead] = []
    placements = Placement.objects.visible_to(access, "activity:view")
    is_everything = isinstance(access.tenants_with("activity:view"), Everything)
    is_placed = search.tenant is not None or not is_everything
    if search.tenant is not None:
        placements = placements.filter(tenant__in=search.tenant.subtree())
    if is_placed and search.server is not None:
        placements = placements.filter(server=search.server)
    if is_placed:
        ids = list(placements.order_by("pk").values_list("pk", flat=True)[: FEW_PLACEMENTS + 1])
        if len(ids) <= FEW_PLACEMENTS:  # the scope is these then, and every plan asks all of its leads
            scope = event_lines()
            leads.append(_lead("placement", ids[0] if len(ids) == 1 else ids))
        elif search.tenant is not None:
            scope = scope.filter(placement__in=placements)
    if search.server is not None and not leads:
        leads.append(_lead("server", search.server.pk))
    if search.group:
        leads.append(_lead("group", search.group))
    rest = Q() if search.type is None else Q(type=search.type)
    if search.person:
        leads.append(_lead("actor", search.person))
    if search.text:
        rest &= _mentions(search.text)
    return _Plan(search, scope, leads, rest)


def _mentions(text: str) -> Q:
    """Events that hold `text` in their line, in who caused them, in their type's name, or that concern it."""
    held = [Q(**{f"{column}__icontains": text}) for column in ("summary", "actor", "type_string")]
    return held[0] | held[1] | held[2] | Q(resource_id=text)
