"""The global search: a few of each kind of thing, and the way to all of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from django.db.models import Q, QuerySet
from django.urls import reverse

from portal.core.access import Access
from portal.core.paging import Total, count_rows
from portal.core.states import State
from portal.fleet.models import Device, UserProfile
from portal.fleet.selectors import devices_named, list_devices, list_users, users_named
from portal.jobs.models import Job
from portal.jobs.selectors import is_guid, list_jobs, matching
from portal.servers.models import CometServer
from portal.tenants.models import Tenant

EACH: Final = 8
SHORTEST: Final = 2


@dataclass(frozen=True)
class Hit:
    """One thing found."""

    label: str
    detail: str
    url: str
    state: State | None = None


@dataclass(frozen=True)
class HitGroup:
    """Things of one kind: the first few, how many there are, and the list with the same search."""

    title: str
    icon: str
    hits: list[Hit]
    total: Total
    all_url: str


def search(access: Access, text: str) -> list[HitGroup]:
    """What is found of each kind; groups without hits are left out."""
    groups = [
        _devices(access, text),
        _users(access, text),
        _jobs(access, text),
        _servers(access, text),
        _tenants(access, text),
    ]
    return [group for group in groups if group.hits]


def _group(
    title: str, icon: str, rows: QuerySet[Any], hit: Callable[[Any], Hit], list_name: str, text: str
) -> HitGroup:
    found = list(rows[: EACH + 1])
    total = count_rows(rows) if len(found) > EACH else Total(len(found))
    all_url = f"{reverse(list_name)}?{urlencode({'q': text})}"
    return HitGroup(title, icon, [hit(row) for row in found[:EACH]], total, all_url)


def _devices(access: Access, text: str) -> HitGroup:
    rows = list_devices(access).filter(devices_named(text)).order_by("name", "pk")
    return _group("Devices", "devices", rows, _device_hit, "fleet:device-list", text)


def _device_hit(device: Device) -> Hit:
    url = reverse("fleet:device-detail", args=[device.pk])
    return Hit(device.name, f"{device.profile.username}, {device.server.name}", url, State(device.state))


def _users(access: Access, text: str) -> HitGroup:
    rows = list_users(access).filter(users_named(text)).order_by("username", "pk")
    return _group("Users", "users", rows, _user_hit, "fleet:user-list", text)


def _user_hit(profile: UserProfile) -> Hit:
    detail = ", ".join(filter(None, [profile.account_name, profile.email, profile.server.name]))
    return Hit(profile.username, detail, reverse("fleet:user-detail", args=[profile.pk]))


def _jobs(access: Access, text: str) -> HitGroup:
    """Jobs are found by their GUID; by name one finds the Device or the user, and there its Jobs."""
    jobs = list_jobs(access)
    rows = jobs.filter(matching(access, text)).order_by("pk") if is_guid(text) else jobs.none()
    return _group("Jobs", "list-check", rows, _job_hit, "jobs:job-list", text)


def _job_hit(job: Job) -> Hit:
    label = " ".join(filter(None, [job.device_name or job.username, job.item_name]))
    return Hit(label, job.guid, reverse("jobs:job-detail", args=[job.pk]), State(job.state))


def _servers(access: Access, text: str) -> HitGroup:
    rows = CometServer.objects.visible_to(access, "server:view").filter(
        Q(name__icontains=text) | Q(api_url__icontains=text)
    )
    return _group(
        "Servers", "server-2", rows.order_by("name", "pk"), _server_hit, "servers:server-list", text
    )


def _server_hit(server: CometServer) -> Hit:
    return Hit(server.name, server.api_url, reverse("servers:server-detail", args=[server.pk]))


def _tenants(access: Access, text: str) -> HitGroup:
    rows = Tenant.objects.visible_to(access, "tenant:view").filter(name__icontains=text)
    return _group("Tenants", "sitemap", rows.order_by("name", "pk"), _tenant_hit, "tenants:tenant-list", text)


def _tenant_hit(tenant: Tenant) -> Hit:
    url = reverse("tenants:tenant-detail", args=[tenant.pk])
    return Hit(tenant.name, tenant.get_kind_display(), url)
