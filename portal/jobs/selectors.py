"""Reads of Jobs and of what is counted of them, each scoped to the caller's Tenants."""

import datetime as dt
import re
from dataclasses import dataclass
from typing import Final

from django.db.models import Q, Sum

from portal.core.access import Access
from portal.core.querysets import TenantQuerySet
from portal.core.states import State
from portal.core.strips import COUNTED, Counts
from portal.fleet.models import Device, UserProfile
from portal.fleet.selectors import users_named
from portal.jobs.models import Job, PlacementHour
from portal.servers.models import Placement

LONGEST_RUN: Final = dt.timedelta(days=30)
"""Looking for Jobs by their end, how far back their start may lie: the start is what is indexed."""

MOST_NAMES: Final = 500
"""How many Devices or users a search takes in; the Jobs are then found by their ids."""

_GUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True)
class LastDay:
    """What ended in the last 24 hours: together, and hour by hour, oldest first."""

    total: Counts
    hours: list[Counts]

    def trend(self, *states: State) -> list[int]:
        """How many Jobs ended in one of `states`, hour by hour."""
        return [sum(hour[state] for state in states) for hour in self.hours]


def list_jobs(access: Access) -> TenantQuerySet[Job]:
    """Jobs the caller may see, with what a row shows."""
    return Job.objects.visible_to(access, "job:view").select_related(
        "server", "placement__tenant", "device", "profile"
    )


def matching(access: Access, text: str) -> Q:
    """Jobs of the Devices and users whose name holds `text`, or the Job of that GUID.

    Names are looked up first, so that the Jobs are found by index however many there are.
    """
    if is_guid(text):
        servers = Placement.objects.visible_to(access, "job:view").values_list("server", flat=True)
        return Q(server__in=list(servers.distinct()), guid__in=[text, text.lower()])
    devices = Device.objects.visible_to(access, "job:view").filter(name__icontains=text)
    users = UserProfile.objects.visible_to(access, "job:view").filter(users_named(text))
    return Q(device__in=list(devices.values_list("pk", flat=True)[:MOST_NAMES])) | Q(
        profile__in=list(users.values_list("pk", flat=True)[:MOST_NAMES])
    )


def is_guid(text: str) -> bool:
    """Whether `text` is written as Comet writes the ids of its Jobs."""
    return _GUID.fullmatch(text) is not None


def ended_within(since: dt.datetime, until: dt.datetime) -> Q:
    """Jobs that ended from `since` to before `until`, as the roll-ups count them.

    A Job that broke off without an end is counted where it last moved.
    """
    found = Q(started_at__gte=since - LONGEST_RUN, started_at__lt=until)
    moved = Q(progress_at__gte=since, progress_at__lt=until) | Q(progress_at=None, started_at__gte=since)
    return found & (
        Q(ended_at__gte=since, ended_at__lt=until) | (Q(ended_at=None, state=State.INTERRUPTED) & moved)
    )


def last_day_start(now: dt.datetime) -> dt.datetime:
    """Where the last 24 hours begin: at a full hour, as the roll-ups count, this hour being the 24th."""
    return now.replace(minute=0, second=0, microsecond=0) - dt.timedelta(hours=23)


def count_running(access: Access) -> int:
    return Job.objects.visible_to(access, "job:view").filter(state=State.RUNNING).count()


def get_last_day(access: Access, now: dt.datetime) -> LastDay:
    """What ended in the last 24 hours, added up from the roll-ups. One query."""
    start = last_day_start(now)
    summed = (
        PlacementHour.objects.visible_to(access, "job:view")
        .filter(hour__gte=start)
        .values_list("hour")
        .annotate(*(Sum(state.value) for state in COUNTED))
        .order_by()
    )
    by_hour: dict[dt.datetime, Counts] = {}
    for hour, *counts in summed:
        by_hour[hour] = dict(zip(COUNTED, counts, strict=True))
    nothing: Counts = dict.fromkeys(COUNTED, 0)
    hours = [by_hour.get(start + dt.timedelta(hours=hour), nothing) for hour in range(24)]
    return LastDay({state: sum(hour[state] for hour in hours) for state in COUNTED}, hours)
