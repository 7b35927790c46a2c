"""What the first screen shows, read in a small and fixed number of queries."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from django.db.models import Sum
from django.db.models.functions import TruncDay
from django.urls import reverse
from django.utils import timezone

from portal.core.access import Access
from portal.core.states import State
from portal.core.strips import COUNTED, Cell, Counts, build_strip, strip_days
from portal.fleet.selectors import ATTENTION, count_silent
from portal.jobs import attention
from portal.jobs.filters import LAST_DAY
from portal.jobs.models import PlacementHour
from portal.jobs.selectors import count_running, get_last_day
from portal.servers.models import CometServer, Placement
from portal.tenants.models import Tenant

MOST_STRIPS: Final = 12


@dataclass(frozen=True)
class Tile:
    """A number, a word, a trend, and the way to exactly those rows."""

    id: str
    label: str
    value: int
    state: State
    note: str
    url: str
    trend: list[int] | None = None


@dataclass(frozen=True)
class StripRow:
    """The last 30 days of a Comet Server or a Tenant."""

    name: str
    url: str
    cells: list[Cell]


def list_tiles(access: Access) -> list[Tile]:
    """The five tiles. Four queries: roll-ups of a day, and three counts over small, indexed sets."""
    day = get_last_day(access, timezone.now())
    jobs, devices = reverse("jobs:job-list"), reverse("fleet:device-list")
    return [
        Tile(
            "tile-attention",
            "Needs attention",
            attention.count_devices(access),
            State.FAILED,
            "devices",
            reverse("jobs:attention"),
            day.trend(*ATTENTION),
        ),
        Tile(
            "tile-running",
            "Running",
            count_running(access),
            State.RUNNING,
            "jobs now",
            f"{jobs}?{urlencode({'state': State.RUNNING.value})}",
            day.trend(*COUNTED),
        ),
        Tile(
            "tile-succeeded",
            "Succeeded",
            day.total[State.SUCCEEDED],
            State.SUCCEEDED,
            "jobs in the last 24 h",
            f"{jobs}?{urlencode({'state': State.SUCCEEDED.value, 'ended': LAST_DAY})}",
            day.trend(State.SUCCEEDED),
        ),
        Tile(
            "tile-missed",
            "Missed",
            day.total[State.MISSED],
            State.MISSED,
            "jobs in the last 24 h",
            f"{jobs}?{urlencode({'state': State.MISSED.value, 'ended': LAST_DAY})}",
            day.trend(State.MISSED),
        ),
        Tile(
            "tile-silent",
            "Silent",
            count_silent(access),
            State.UNKNOWN,
            "devices, for 3 days or more",
            f"{devices}?silent=on",
        ),
    ]


def is_empty(access: Access) -> bool:
    """Whether nothing is linked or placed yet that the caller could see."""
    return not Placement.objects.visible_to(access, "job:view").exists()


def list_servers(access: Access) -> list[CometServer]:
    """Comet Servers the caller may see, by name, for their freshness."""
    servers = CometServer.objects.visible_to(access, "server:view").filter(unlinking_at=None)
    servers = servers.defer("password", "session_key")
    return list(servers.order_by("name", "pk")[:MOST_STRIPS])


def list_strips(access: Access, servers: Iterable[CometServer]) -> list[StripRow]:
    """30 days (UTC) of each of `servers`; without servers, of each Tenant the caller sees."""
    named = {server.pk: server.name for server in servers}
    if named:
        return _strips(access, "server", named)
    tenants = Tenant.objects.visible_to(access, "job:view").filter(placements__isnull=False).distinct()
    return _strips(access, "tenant", dict(tenants.order_by("name").values_list("pk", "name")[:MOST_STRIPS]))


def _strips(access: Access, by: str, named: dict[int, str]) -> list[StripRow]:
    today = dt.datetime.now(dt.UTC).date()
    first = dt.datetime.combine(strip_days(today)[0], dt.time(), dt.UTC)
    summed = (
        PlacementHour.objects.visible_to(access, "job:view")
        .filter(hour__gte=first, **{f"placement__{by}__in": list(named)})
        .values_list(f"placement__{by}", TruncDay("hour", tzinfo=dt.UTC))
        .annotate(*(Sum(state.value, default=0) for state in COUNTED))
        .order_by()
    )
    by_row: dict[int, dict[dt.date, Counts]] = defaultdict(dict)
    for pk, day, *counts in summed:
        by_row[pk][day.date()] = dict(zip(COUNTED, counts, strict=True))
    jobs = reverse("jobs:job-list")
    return [
        StripRow(name, f"{jobs}?{by}={pk}", build_strip(today, by_row[pk], f"{jobs}?{by}={pk}"))
        for pk, name in named.items()
    ]
