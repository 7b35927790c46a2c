"""Reads of User Profiles, Devices and what they hold, each scoped to the caller's Tenants."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils import timezone

from portal.core.access import Access
from portal.core.querysets import TenantQuerySet
from portal.core.states import State
from portal.core.strips import COUNTED, Cell, Counts, build_strip, strip_days
from portal.fleet.models import Device, Policy, ProtectedItem, StorageVault, UserProfile
from portal.servers.models import CometServer, Placement

SILENT_AFTER: Final = dt.timedelta(days=3)
"""A Device without connection and without a good backup for this long is called silent."""

ATTENTION: Final = (State.FAILED, State.MISSED, State.INTERRUPTED, State.WARNING)
"""States of a Protected Item that somebody should look at."""


class Cause(NamedTuple):
    """Why a backup went wrong: Comet's status and the first error line of the log."""

    status: int
    message: str

    def __str__(self) -> str:
        return f"{self.status}:{self.message}"

    @classmethod
    def parse(cls, text: str) -> "Cause":
        """The cause that `str()` gave. ValueError for anything else."""
        status, colon, message = text.partition(":")
        if not (colon and status.isascii() and status.isdigit() and len(status) <= 5):
            raise ValueError(f"{text!r} is no cause")
        return cls(int(status), message)


def list_devices(access: Access) -> TenantQuerySet[Device]:
    """Devices the caller may see, with what a row shows."""
    return Device.objects.visible_to(access, "device:view").select_related(
        "profile", "server", "placement__tenant"
    )


def devices_named(text: str) -> Q:
    """Devices with `text` in their own name, or in that of their user or account."""
    return (
        Q(name__icontains=text)
        | Q(profile__username__icontains=text)
        | Q(profile__account_name__icontains=text)
    )


def users_named(text: str) -> Q:
    """User Profiles with `text` in their name, account name or e-mail address."""
    return Q(username__icontains=text) | Q(account_name__icontains=text) | Q(email__icontains=text)


def is_silent(now: dt.datetime) -> Q:
    """Devices that hold something to back up, and of which nothing was heard for `SILENT_AFTER`."""
    before = now - SILENT_AFTER
    return (
        Q(connections=0, item_count__gt=0)
        & (Q(last_seen_at=None) | Q(last_seen_at__lt=before))
        & (Q(last_success_at=None) | Q(last_success_at__lt=before))
    )


def count_silent(access: Access) -> int:
    return Device.objects.visible_to(access, "device:view").filter(is_silent(timezone.now())).count()


def items_with(cause: Cause) -> Q:
    """Protected Items whose latest backup ended badly for this reason."""
    return Q(last_state__in=ATTENTION, last_status=cause.status, last_message=cause.message)


def device_strips(devices: Iterable[Device]) -> dict[int, list[Cell]]:
    """The last 30 days (UTC) of some Devices, by Device id. One query."""
    ids = [device.pk for device in devices]
    today = dt.datetime.now(dt.UTC).date()
    counted = Device.objects.filter(pk__in=ids, days__day__gte=strip_days(today)[0]).values_list(
        "pk", "days__day", *(f"days__{state}" for state in COUNTED)
    )
    by_device: dict[int, dict[dt.date, Counts]] = defaultdict(dict)
    for pk, day, *counts in counted:
        by_device[pk][day] = dict(zip(COUNTED, counts, strict=True))
    jobs = reverse("jobs:job-list")
    return {pk: build_strip(today, by_device.get(pk, {}), f"{jobs}?device={pk}") for pk in ids}


def list_items(access: Access, **of: object) -> TenantQuerySet[ProtectedItem]:
    """Protected Items of a Device or a User Profile (`device=` or `profile=`), by name."""
    return (
        ProtectedItem.objects.visible_to(access, "device:view")
        .filter(**of)
        .select_related("device", "placement")
        .order_by("device__name", "name", "pk")
    )


def list_vaults(access: Access, profile: UserProfile) -> TenantQuerySet[StorageVault]:
    """Storage Vaults of a User Profile, by name."""
    return (
        StorageVault.objects.visible_to(access, "device:view").filter(profile=profile).order_by("name", "pk")
    )


def latest_jobs(access: Access, owner: Device | UserProfile, limit: int) -> QuerySet[Any]:
    """The latest Jobs of a Device or a User Profile, as `jobs.models.Job`."""
    jobs: Any = owner.jobs  # the reverse of a later room's key
    found: QuerySet[Any] = jobs.visible_to(access, "job:view")
    return found.select_related("server", "device", "profile").order_by("-started_at", "-pk")[:limit]


def list_users(access: Access) -> TenantQuerySet[UserProfile]:
    """User Profiles the caller may see, with what a row shows."""
    return UserProfile.objects.visible_to(access, "user:view").select_related("server", "placement__tenant")


def get_policy(profile: UserProfile) -> Policy | None:
    """The Policy that rules a User Profile; None where it has none or it is not known."""
    if not profile.policy_guid:
        return None
    return Policy.objects.filter(server=profile.server_id, guid=profile.policy_guid).first()


def list_servers_of(access: Access, permission: str) -> QuerySet[CometServer]:
    """Comet Servers on which something is placed that the caller may see, by name. Names only."""
    placements = Placement.objects.visible_to(access, permission)
    return CometServer.objects.filter(pk__in=placements.values("server")).order_by("name")
