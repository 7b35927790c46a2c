"""The pages of the audit, and its files."""

from typing import Final

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from portal.audit import selectors, services
from portal.audit.exports import HEADER, Exporter
from portal.audit.filters import EntryFilters
from portal.audit.proof import standing_of, standing_of_chain
from portal.core.access import PortalRequest, hands_out_file, requires
from portal.core.export import csv_response, stream_response
from portal.core.htmx import render_page
from portal.core.lists import query_of
from portal.core.paging import keyset_chunks, keyset_page
from portal.core.tenant_sets import EVERYTHING

SORTS: Final = {"at": "at"}
NEWEST: Final = "-at"


@require_safe
@requires("audit:view")
def entry_list(request: PortalRequest) -> HttpResponse:
    """What was done in the caller's Tenants, newest first, each with how it ended."""
    filters = _filters(request)
    context = {
        "filters": filters,
        "page": keyset_page(filters.rows(), request, sorts=SORTS, default=NEWEST),
        "query": query_of(request),
        "chain": standing_of_chain(),
        "sees_everything": _sees_everything(request),
    }
    return render_page(
        request,
        "audit/entry_list.html",
        "audit/_entry_table.html",
        context,
        status=filters.http_status,
    )


@require_safe
@requires("audit:view")
def entry_detail(request: PortalRequest, pk: int) -> HttpResponse:
    """One action: both its halves, what changed, and how they are sealed."""
    entry = selectors.get_action(request.access, pk)
    halves = [entry, *reversed(getattr(entry, "endings", []))]
    access = request.access
    context = {
        "entry": entry,
        "halves": [(half, standing_of(half), selectors.owner_details(access, half)) for half in halves],
        "sees_everything": _sees_everything(request),
    }
    return render(request, "audit/entry_detail.html", context)


@require_safe
@hands_out_file
@requires("audit:view")
def entry_export_csv(request: PortalRequest) -> HttpResponseBase:
    """The audit as CSV: same filters, all pages."""
    filters = _filters(request)
    if not filters.is_valid():
        return _back_to_list(request)
    _note_export(request, "CSV")
    chunks = keyset_chunks(filters.rows(), request, sorts=SORTS, default=NEWEST)
    return csv_response(request, "audit.csv", HEADER, chunks, Exporter(request.access).cells)


@require_safe
@hands_out_file
@requires("audit:view")
def entry_export_jsonl(request: PortalRequest) -> HttpResponseBase:
    """The audit as JSON lines, both halves and their seals included: same filters, all pages."""
    filters = _filters(request)
    if not filters.is_valid():
        return _back_to_list(request)
    _note_export(request, "JSON lines")
    chunks = keyset_chunks(filters.rows(), request, sorts=SORTS, default=NEWEST)
    lines = Exporter(request.access).lines(chunks)
    return stream_response(request, "audit.jsonl", "application/x-ndjson", lines)


def _filters(request: PortalRequest) -> EntryFilters:
    return EntryFilters(request.GET, queryset=selectors.list_actions(request.access), request=request)


def _sees_everything(request: PortalRequest) -> bool:
    return request.access.tenants_with("audit:view") is EVERYTHING


def _back_to_list(request: PortalRequest) -> HttpResponse:
    return redirect(f"{reverse('audit:entry-list')}?{request.GET.urlencode()}")


def _note_export(request: PortalRequest, kind: str) -> None:
    """A file of the audit leaves the portal, so it is told who took it."""
    services.note(
        "audit.export",
        services.DONE,
        actor=request.user,
        tenant_id=selectors.topmost_tenant_id(request.access),
        details={"format": kind, "filters": query_of(request)},
    )
