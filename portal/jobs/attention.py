"""What needs attention: Protected Items whose latest backup ended badly, grouped by cause."""

import datetime as dt
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from django.db.models import Count, Max, Min
from django.db.models.functions import Coalesce
from django.urls import reverse

from portal.core.access import Access
from portal.core.querysets import TenantQuerySet
from portal.core.states import State
from portal.fleet.models import ProtectedItem
from portal.fleet.selectors import ATTENTION, Cause, items_with
from portal.jobs.states import state_of, word_of

MOST_GROUPS: Final = 100


@dataclass(frozen=True)
class Group:
    """Devices whose backups go wrong for the same reason."""

    cause: Cause
    state: State
    devices: int
    servers: int
    since: dt.datetime | None
    latest: dt.datetime | None

    @property
    def title(self) -> str:
        """The message, or Comet's status where the Job left none."""
        return self.cause.message or word_of(self.cause.status)

    @property
    def query(self) -> str:
        """The query string that names this group."""
        return urlencode({"cause": str(self.cause)})

    @property
    def devices_url(self) -> str:
        """The Device list with exactly these Devices."""
        return f"{reverse('fleet:device-list')}?{self.query}"


def list_groups(access: Access, *, limit: int = MOST_GROUPS) -> list[Group]:
    """Groups the caller may see, most Devices first. One query."""
    return _groups(_bad_items(access))[:limit]


def count_devices(access: Access) -> int:
    """How many Devices need attention."""
    return _bad_items(access).aggregate(devices=Count("device", distinct=True))["devices"]


def list_items(access: Access, cause: Cause) -> TenantQuerySet[ProtectedItem]:
    """Protected Items of one group with their Device, the longest bad first."""
    return (
        _bad_items(access)
        .filter(items_with(cause))
        .select_related("device__profile", "device__server", "placement__tenant")
        .order_by("bad_since", "pk")
    )


def list_runnable(access: Access, cause: Cause) -> TenantQuerySet[ProtectedItem]:
    """Protected Items of one group that the caller may run again."""
    return list_items(access, cause).visible_to(access, "backup:run")


def _bad_items(access: Access) -> TenantQuerySet[ProtectedItem]:
    return ProtectedItem.objects.visible_to(access, "job:view").filter(last_state__in=ATTENTION)


def _groups(items: TenantQuerySet[ProtectedItem]) -> list[Group]:
    found = (
        items.values("last_status", "last_message")
        .annotate(
            devices=Count("device", distinct=True),
            servers=Count("server", distinct=True),
            since=Min(Coalesce("bad_since", "last_job_at")),
            latest=Max("last_job_at"),
            state=Max("last_state"),
        )
        .order_by("-devices", "since", "last_status", "last_message")[:MOST_GROUPS]
    )
    return [
        Group(
            cause=Cause(row["last_status"], row["last_message"]),
            state=_state(row["state"], row["last_status"]),
            devices=row["devices"],
            servers=row["servers"],
            since=row["since"],
            latest=row["latest"],
        )
        for row in found
    ]


def _state(stored: str, status: int) -> State:
    return State(stored) if stored in ATTENTION else state_of(status, True)
