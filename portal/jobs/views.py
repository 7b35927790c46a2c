"""Jobs: the list, a Job's page with its log, and what needs attention."""

from typing import Final

from django.contrib import messages
from django.http import Http404, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.template.defaultfilters import pluralize
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from portal.audit.services import ip_of
from portal.core.access import PortalRequest, hands_out_file, requires
from portal.core.export import csv_response
from portal.core.htmx import go_to, render_page
from portal.core.lists import query_of
from portal.core.paging import keyset_chunks, keyset_page
from portal.fleet.models import ProtectedItem
from portal.fleet.selectors import Cause
from portal.fleet.services import start_backups
from portal.jobs import attention as causes
from portal.jobs import exports, logs, selectors, services, stuck
from portal.jobs.filters import JobFilters
from portal.jobs.forms import CauseForm, LogForm

SORTS: Final = {"start": "started_at"}
NARROW_SORTS: Final = {**SORTS, "size": "size_bytes", "uploaded": "upload_bytes"}
"""Columns without an index: offered only where the filters leave few Jobs."""

NEWEST: Final = "-start"
GROUP_ITEMS: Final = 50


@require_safe
@requires("job:view")
def job_list(request: PortalRequest) -> HttpResponse:
    """Jobs of the caller's Tenants, newest first, narrowed by the query string."""
    filters = JobFilters(request.GET, queryset=selectors.list_jobs(request.access), request=request)
    sorts = NARROW_SORTS if filters.is_narrow else SORTS
    page = keyset_page(filters.rows(), request, sorts=sorts, default=NEWEST)
    return render_page(
        request,
        "jobs/job_list.html",
        "jobs/_job_table.html",
        {"filters": filters, "page": page, "query": query_of(request), "sorts": sorts},
        status=filters.http_status,
    )


@require_safe
@hands_out_file
@requires("job:view")
def job_export(request: PortalRequest) -> HttpResponseBase:
    """The Job list as CSV: same filters, same order, all pages."""
    filters = JobFilters(request.GET, queryset=selectors.list_jobs(request.access), request=request)
    if not filters.is_valid():
        return redirect(f"{reverse('jobs:job-list')}?{request.GET.urlencode()}")
    sorts = NARROW_SORTS if filters.is_narrow else SORTS
    chunks = keyset_chunks(filters.rows(), request, sorts=sorts, default=NEWEST)
    return csv_response(request, "jobs.csv", exports.JOB_HEADER, chunks, exports.job_cells)


@require_safe
@requires("job:view")
def job_detail(request: PortalRequest, pk: int) -> HttpResponse:
    """One Job: what it did, how far it is, and its log."""
    access = request.access
    job = selectors.list_jobs(access).get_for(access, "job:view", pk=pk)
    context = {
        "job": job,
        "log_form": LogForm(),
        "can_cancel": job.can_cancel and access.allows("job:cancel", tenant_id=job.tenant_id),
        "can_see_device": access.allows("device:view", tenant_id=job.tenant_id),
        "can_see_user": access.allows("user:view", tenant_id=job.tenant_id),
        "can_see_server": access.allows("server:view", tenant_id=job.server.tenant_id),
    }
    return render_page(request, "jobs/job_detail.html", "jobs/_job_facts.html", context)


@require_safe
@requires("job:view")
def job_log(request: PortalRequest, pk: int) -> HttpResponse:
    """A Job's log, asked of its Comet Server now; where that fails, why, and a way to try again."""
    job = selectors.list_jobs(request.access).get_for(request.access, "job:view", pk=pk)
    form = LogForm(request.GET)
    context = {"job": job, "form": form, "query": query_of(request), "most": logs.MOST_SHOWN}
    if not form.is_valid():
        return render(request, "jobs/_job_log.html", context, status=422)
    try:
        lines = logs.read_log(
            job, min_severity=form.cleaned_data["severity"], contains=form.cleaned_data["q"]
        )
        context |= {"lines": lines[-logs.MOST_SHOWN :], "count": len(lines)}
    except logs.LogUnavailable as exc:
        context["problem"] = str(exc)
    return render(request, "jobs/_job_log.html", context)


@require_safe
@hands_out_file
@requires("job:view")
def job_log_text(request: PortalRequest, pk: int) -> HttpResponse:
    """The same log as a text file, with every line."""
    job = selectors.list_jobs(request.access).get_for(request.access, "job:view", pk=pk)
    form = LogForm(request.GET)
    try:
        if not form.is_valid():
            raise logs.LogUnavailable("The log's filters cannot be used.")
        lines = logs.read_log(
            job, min_severity=form.cleaned_data["severity"], contains=form.cleaned_data["q"]
        )
    except logs.LogUnavailable as exc:
        messages.error(request, str(exc))
        return redirect("jobs:job-detail", pk)
    response = HttpResponse(logs.as_text(lines), content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="job-{job.pk}.txt"'
    return response


@require_POST
@requires("job:view")
def job_cancel(request: PortalRequest, pk: int) -> HttpResponse:
    """Ask the Device to stop a running Job, as an Operation."""
    jobs = selectors.list_jobs(request.access)
    job = jobs.get_for(request.access, "job:view", act="job:cancel", pk=pk)
    operation = services.cancel_job(job, user=request.user, ip=ip_of(request))
    return go_to(request, reverse("operations:operation-detail", args=[operation.pk]))


@require_safe
@requires("job:view")
def attention(request: PortalRequest) -> HttpResponse:
    """Devices whose latest backup ended badly, grouped by cause; `?cause=` opens one group."""
    form = CauseForm(request.GET)
    cause = form.cleaned_data["cause"] if form.is_valid() else None
    items = list(causes.list_items(request.access, cause)[: GROUP_ITEMS + 1]) if cause else []
    context = {
        "groups": causes.list_groups(request.access),
        "devices": causes.count_devices(request.access),
        "opened": cause,
        "group_items": items[:GROUP_ITEMS],
        "more": len(items) > GROUP_ITEMS,
        "can_run": bool(request.access.tenants_with("backup:run")),
        "stuck": stuck.count_stuck(request.access),
    }
    return render_page(request, "jobs/attention.html", "jobs/_attention.html", context)


@require_safe
@requires("backup:run")
def attention_confirm(request: PortalRequest) -> HttpResponse:
    """The question before a whole group is run again, with how many Devices that is."""
    cause = _cause(request.GET)
    return _confirm(request, cause, list(causes.list_runnable(request.access, cause)))


@require_POST
@requires("backup:run")
def attention_run(request: PortalRequest) -> HttpResponse:
    """Run again what failed for one cause, as one Operation."""
    cause = _cause(request.POST)
    items = list(causes.list_runnable(request.access, cause))
    if not items:
        return _confirm(request, cause, items, status=422)
    operation = start_backups(user=request.user, items=items, ip=ip_of(request))
    return go_to(request, reverse("operations:operation-detail", args=[operation.pk]))


def _cause(data: QueryDict) -> Cause:
    form = CauseForm(data)
    if not form.is_valid():
        raise Http404("No such cause.")
    cause: Cause = form.cleaned_data["cause"]
    return cause


def _confirm(
    request: PortalRequest, cause: Cause, items: list[ProtectedItem], *, status: int = 200
) -> HttpResponse:
    devices = {item.device_id: item.device for item in items}
    context = {
        "title": f"Run backup on {len(devices)} device{pluralize(len(devices))}",
        "cause": cause,
        "items": items,
        "devices": list(devices.values()),
        "offline": sum(not device.is_online for device in devices.values()),
    }
    return render(request, "jobs/_attention_confirm.html", context, status=status)
