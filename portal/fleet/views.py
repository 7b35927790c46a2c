"""Devices and User Profiles: lists, pages, and what is done with them."""

from typing import Final

from django.core.exceptions import ValidationError
from django.http import HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from portal.audit.services import ip_of
from portal.core.access import PortalRequest, hands_out_file, requires
from portal.core.export import csv_response
from portal.core.htmx import go_to, render_page
from portal.core.lists import query_of
from portal.core.paging import keyset_chunks, keyset_page, total_of
from portal.fleet import exports, selectors, services
from portal.fleet.filters import DeviceFilters, UserFilters
from portal.fleet.forms import BackupForm, chosen_devices, fields_again
from portal.fleet.models import Device

DEVICE_SORTS: Final = {"name": "name", "last_job": "sort_last_job_at"}
USER_SORTS: Final = {"username": "username", "size": "vault_size_bytes"}
FIRST_JOBS: Final = 10
FIRST_DEVICES: Final = 50


@require_safe
@requires("device:view")
def device_list(request: PortalRequest) -> HttpResponse:
    """Devices of the caller's Tenants, narrowed and sorted by the query string."""
    filters = DeviceFilters(request.GET, queryset=selectors.list_devices(request.access), request=request)
    page = keyset_page(filters.rows(), request, sorts=DEVICE_SORTS, default="name")
    context = {
        "filters": filters,
        "page": page,
        "query": query_of(request),
        "strips": selectors.device_strips(page),
        "total": total_of(page, filters.rows()),
        "can_run": bool(request.access.tenants_with("backup:run")),
    }
    return render_page(
        request,
        "fleet/device_list.html",
        "fleet/_device_table.html",
        context,
        status=filters.http_status,
    )


@require_safe
@hands_out_file
@requires("device:view")
def device_export(request: PortalRequest) -> HttpResponseBase:
    """The Device list as CSV: same filters, same order, all pages."""
    filters = DeviceFilters(request.GET, queryset=selectors.list_devices(request.access), request=request)
    if not filters.is_valid():
        return redirect(f"{reverse('fleet:device-list')}?{request.GET.urlencode()}")
    chunks = keyset_chunks(filters.rows(), request, sorts=DEVICE_SORTS, default="name")
    return csv_response(request, "devices.csv", exports.DEVICE_HEADER, chunks, exports.device_cells)


@require_safe
@requires("device:view")
def device_detail(request: PortalRequest, pk: int) -> HttpResponse:
    """One Device: what it backs up, where to, how the last 30 days went, its latest Jobs."""
    access = request.access
    device = selectors.list_devices(access).get_for(access, "device:view", pk=pk)
    tenant = device.tenant_id
    can_see_jobs = access.allows("job:view", tenant_id=tenant)
    context = {
        "device": device,
        "protected_items": selectors.list_items(access, device=device),
        "vaults": selectors.list_vaults(access, device.profile),
        "strip": selectors.device_strips([device])[device.pk],
        "jobs": selectors.latest_jobs(access, device, FIRST_JOBS) if can_see_jobs else [],
        "can_see_jobs": can_see_jobs,
        "can_see_server": access.allows("server:view", tenant_id=device.server.tenant_id),
        "can_run": access.allows("backup:run", tenant_id=tenant),
        "can_see_people": access.allows("person:view", tenant_id=tenant),
        "can_open": access.allows("sso:user", tenant_id=tenant),
    }
    return render_page(request, "fleet/device_detail.html", "fleet/_device_body.html", context)


@require_safe
@requires("backup:run")
def backup_confirm(request: PortalRequest) -> HttpResponse:
    """The question before backups are started: on how many Devices, and where there is one, of what."""
    devices = chosen_devices(request, request.GET)
    form = BackupForm(None, access=request.access, devices=devices)
    return _confirm(request, request.GET, devices, form)


@require_POST
@requires("backup:run")
def backup_run(request: PortalRequest) -> HttpResponse:
    """Start the backups of the chosen Devices as one Operation, and go to its page."""
    devices = chosen_devices(request, request.POST)
    for device in devices:
        request.access.require("backup:run", tenant_id=device.tenant_id)
    form = BackupForm(request.POST, access=request.access, devices=devices)
    if not devices or not form.is_valid():
        return _confirm(request, request.POST, devices, form, status=422)
    try:
        operation = services.start_backups(
            user=request.user, devices=devices, ip=ip_of(request), **form.cleaned_data
        )
    except ValidationError as refusal:
        form.add_error(None, refusal)
        return _confirm(request, request.POST, devices, form, status=422)
    return go_to(request, reverse("operations:operation-detail", args=[operation.pk]))


def _confirm(
    request: PortalRequest, data: QueryDict, devices: list[Device], form: BackupForm, *, status: int = 200
) -> HttpResponse:
    whom = devices[0].name if len(devices) == 1 else f"{len(devices)} devices"
    context = {
        "title": f"Run backup on {whom}",
        "devices": devices,
        "fields": fields_again(data, devices),
        "offline": sum(not device.is_online for device in devices),
        "form": form,
    }
    return render(request, "fleet/_backup_confirm.html", context, status=status)


@require_safe
@requires("user:view")
def user_list(request: PortalRequest) -> HttpResponse:
    """User Profiles of the caller's Tenants, narrowed and sorted by the query string."""
    filters = UserFilters(request.GET, queryset=selectors.list_users(request.access), request=request)
    page = keyset_page(filters.rows(), request, sorts=USER_SORTS, default="username")
    return render_page(
        request,
        "fleet/user_list.html",
        "fleet/_user_table.html",
        {"filters": filters, "page": page, "query": query_of(request)},
        status=filters.http_status,
    )


@require_safe
@hands_out_file
@requires("user:view")
def user_export(request: PortalRequest) -> HttpResponseBase:
    """The User Profile list as CSV: same filters, same order, all pages."""
    filters = UserFilters(request.GET, queryset=selectors.list_users(request.access), request=request)
    if not filters.is_valid():
        return redirect(f"{reverse('fleet:user-list')}?{request.GET.urlencode()}")
    chunks = keyset_chunks(filters.rows(), request, sorts=USER_SORTS, default="username")
    return csv_response(request, "users.csv", exports.USER_HEADER, chunks, exports.user_cells)


@require_safe
@requires("user:view")
def user_detail(request: PortalRequest, pk: int) -> HttpResponse:
    """One User Profile: Devices, Storage Vaults, Protected Items, Policy, latest Jobs."""
    access = request.access
    profile = selectors.list_users(access).get_for(access, "user:view", pk=pk)
    tenant = profile.tenant_id
    can_see_jobs = access.allows("job:view", tenant_id=tenant)
    context = {
        "profile": profile,
        "devices": selectors.list_devices(access)
        .filter(profile=profile)
        .order_by("name", "pk")[:FIRST_DEVICES],
        "protected_items": selectors.list_items(access, profile=profile),
        "vaults": selectors.list_vaults(access, profile),
        "policy": selectors.get_policy(profile),
        "jobs": selectors.latest_jobs(access, profile, FIRST_JOBS) if can_see_jobs else [],
        "can_see_jobs": can_see_jobs,
        "can_see_server": access.allows("server:view", tenant_id=profile.server.tenant_id),
        "can_open": access.allows("sso:user", tenant_id=tenant),
        "can_place": all(
            access.allows("tenant:manage", tenant_id=one) for one in (tenant, profile.server.tenant_id)
        ),
    }
    return render_page(request, "fleet/user_detail.html", "fleet/_user_body.html", context)
