"""Pages of Operations: what runs, how far each item is, and the way to stop it."""

from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST, require_safe

from portal.audit.services import ip_of
from portal.core.access import PortalRequest, requires
from portal.core.htmx import render_page, toast, wants_partial
from portal.core.paging import keyset_page
from portal.operations import selectors, services
from portal.operations.filters import OperationFilters
from portal.operations.models import Operation, OperationItem

SORTS = {"created": "created_at"}
ITEM_SORTS = {"row": "id"}


@require_safe
@requires("operation:view")
def operation_list(request: PortalRequest) -> HttpResponse:
    """Operations under way, and below them all of them, newest first."""
    filters = OperationFilters(
        request.GET, queryset=selectors.list_operations(request.access), request=request
    )
    page = keyset_page(filters.rows(), request, sorts=SORTS, default="-created")
    context = {"filters": filters, "page": page, "active": selectors.list_active(request.access)}
    return render_page(
        request,
        "operations/operation_list.html",
        "operations/_operation_table.html",
        context,
        status=filters.http_status,
    )


@require_safe
@requires("operation:view")
def operation_detail(request: PortalRequest, pk: int) -> HttpResponse:
    """One Operation and its items, live; `?state=` narrows the items."""
    operation = Operation.objects.get_for(request.access, "operation:view", pk=pk)
    state = request.GET.get("state", "")
    items = selectors.list_items(
        request.access, operation, state=state if state in OperationItem.State.values else ""
    )
    context = {
        "operation": operation,
        "counts": selectors.count_items(request.access, operation),
        "state": state,
        "page": keyset_page(items, request, sorts=ITEM_SORTS, default="row"),
        "can_cancel": operation.is_active
        and request.access.allows("operation:cancel", tenant_id=operation.tenant_id),
    }
    return render_page(request, "operations/operation_detail.html", "operations/_item_table.html", context)


@require_POST
@requires("operation:cancel")
def operation_cancel(request: PortalRequest, pk: int) -> HttpResponse:
    """Cancel what of an Operation has not ended; one that has ended stays as it is."""
    operation = Operation.objects.get_for(request.access, "operation:view", act="operation:cancel", pk=pk)
    services.cancel(operation, user=request.user, ip=ip_of(request))
    if wants_partial(request):
        return toast(
            HttpResponse(status=204), "Cancelling. What runs already ends at its next step.", level="info"
        )
    return redirect("operations:operation-detail", pk)
