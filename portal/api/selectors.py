"""Rows of the API: read within a token's Access, and put into the shapes it answers with."""

from typing import Final, TypeVar

from django.db import models

from portal.api import shapes
from portal.api.paging import Order, Rows, page_of
from portal.api.queries import DeviceQuery, JobQuery, PageQuery, ServerQuery
from portal.core.access import Access
from portal.core.querysets import TenantQuerySet
from portal.core.states import State
from portal.fleet.models import Device
from portal.fleet.selectors import list_devices
from portal.jobs.models import Job
from portal.jobs.selectors import list_jobs
from portal.jobs.states import word_of
from portal.jobs.words import kind_of
from portal.servers.models import CometServer, Placement
from portal.tenants.models import Tenant

SERVERS: Final = Order("servers", "pk")
DEVICES: Final = Order("devices", "pk")
JOBS: Final = Order("jobs", "started_at", down=True)

RowT = TypeVar("RowT", bound=models.Model)


def find_servers(access: Access, query: ServerQuery) -> Rows[CometServer]:
    rows = servers(access)
    if query.tenant is not None:
        rows = rows.filter(tenant__in=_subtree(query.tenant))
    return _page(rows, SERVERS, query)


def find_devices(access: Access, query: DeviceQuery) -> Rows[Device]:
    rows = list_devices(access)
    if query.server is not None:
        rows = rows.filter(server=query.server)
    if query.tenant is not None:
        rows = rows.filter(placement__tenant__in=_subtree(query.tenant))
    if query.state is not None:
        rows = rows.filter(state=query.state)
    if query.online is not None:
        rows = rows.filter(connections__gt=0) if query.online else rows.filter(connections=0)
    return _page(rows, DEVICES, query)


def find_jobs(access: Access, query: JobQuery) -> Rows[Job]:
    rows = list_jobs(access)
    if query.server is not None:
        rows = rows.filter(server=query.server)
    if query.device is not None:
        rows = rows.filter(device=query.device)
    if query.tenant is not None:
        placements = Placement.objects.filter(tenant__in=_subtree(query.tenant))
        rows = rows.filter(placement__in=list(placements.values_list("pk", flat=True)))
    if query.state is not None:
        rows = rows.filter(state=query.state)
    if query.since is not None:
        rows = rows.filter(started_at__gte=query.since)
    if query.until is not None:
        rows = rows.filter(started_at__lt=query.until)
    return _page(rows, JOBS, query)


def servers(access: Access) -> TenantQuerySet[CometServer]:
    """Comet Servers, without their credentials."""
    rows: TenantQuerySet[CometServer] = CometServer.objects.visible_to(access, "server:view")
    return rows.select_related("tenant").defer("password", "session_key")


def server_shape(server: CometServer) -> shapes.Server:
    return shapes.Server(
        id=server.pk,
        name=server.name,
        tenant=_tenant(server.tenant),
        address=server.browser_url,
        version=server.version,
        stream=server.stream,
        is_stale=server.is_stale,
        data_at=server.data_at,
        last_event_at=server.last_event_at,
        last_full_sync_at=server.last_full_sync_at,
        clock_drift_ms=server.clock_drift_ms,
        devices_configured=server.devices_configured,
        device_limit=server.device_limit or None,
        license_valid_until=server.license_valid_until,
        linked_at=server.linked_at,
    )


def device_shape(device: Device) -> shapes.Device:
    return shapes.Device(
        id=device.pk,
        device_id=device.device_id,
        name=device.name,
        server=shapes.ServerRef(device.server_id, device.server.name),
        tenant=_tenant(device.placement.tenant),
        user=shapes.UserRef(device.profile_id, device.profile.username),
        state=State(device.state),
        is_online=device.is_online,
        protected_items=device.item_count,
        platform=device.platform,
        os_version=device.os_version,
        client_version=device.client_version,
        time_zone=device.time_zone,
        registered_at=device.registered_at,
        last_seen_at=device.last_seen_at,
        last_job_at=device.last_job_at,
        last_success_at=device.last_success_at,
    )


def job_shape(job: Job) -> shapes.Job:
    return shapes.Job(
        id=job.pk,
        guid=job.guid,
        server=shapes.ServerRef(job.server_id, job.server.name),
        tenant=_tenant(job.placement.tenant),
        user=shapes.UserRef(job.profile_id, job.username),
        device=shapes.DeviceRef(job.device_id, job.device_name),
        item=shapes.CometRef(job.item_guid, job.item_name),
        vault=shapes.CometRef(job.vault_guid, job.vault_name),
        kind=kind_of(job.classification),
        kind_code=job.classification,
        state=State(job.state),
        status=word_of(job.status),
        status_code=job.status,
        message=job.message,
        started_at=job.started_at,
        ended_at=job.ended_at,
        duration_seconds=job.duration.total_seconds() if job.duration is not None else None,
        files=job.files,
        size_bytes=job.size_bytes,
        upload_bytes=job.upload_bytes,
        download_bytes=job.download_bytes,
        client_version=job.client_version,
        progress=_progress(job) if job.ended_at is None else None,
    )


def _progress(job: Job) -> shapes.Progress:
    return shapes.Progress(
        items=job.progress_items,
        items_total=job.progress_items_total,
        size_bytes=job.progress_bytes,
        moved_at=job.progress_at,
    )


def _tenant(tenant: Tenant) -> shapes.TenantRef:
    return shapes.TenantRef(tenant.pk, tenant.name)


def _subtree(tenant_id: int) -> list[int]:
    """Ids of a Tenant and of what is below it. Rows are scoped beside it, so any id may be asked for."""
    tenant = Tenant.objects.filter(pk=tenant_id).first()
    return list(tenant.subtree().values_list("pk", flat=True)) if tenant else []


def _page(rows: TenantQuerySet[RowT], order: Order, query: PageQuery) -> Rows[RowT]:
    return page_of(rows, order, limit=query.limit, cursor=query.cursor)
