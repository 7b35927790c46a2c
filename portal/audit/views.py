"""The page of the audit."""

from typing import Final

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from portal.audit import selectors
from portal.audit.filters import EntryFilters
from portal.core.access import PortalRequest, requires
from portal.core.htmx import render_page
from portal.core.paging import keyset_page

SORTS: Final = {"at": "at"}


@require_safe
@requires("audit:view")
def entry_list(request: PortalRequest) -> HttpResponse:
    """What was done in the caller's Tenants, newest first, each with how it ended."""
    filters = EntryFilters(request.GET, queryset=selectors.list_actions(request.access), request=request)
    page = keyset_page(filters.rows(), request, sorts=SORTS, default="-at")
    return render_page(
        request,
        "audit/entry_list.html",
        "audit/_entry_table.html",
        {"filters": filters, "page": page},
        status=filters.http_status,
    )
