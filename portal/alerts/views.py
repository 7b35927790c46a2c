"""Pages of alerts: what is broken, since when, and who looks after it."""

from typing import Any, Final

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from portal.accounts.mail import mail_is_sent
from portal.alerts import selectors, services
from portal.alerts.filters import AlertFilters
from portal.alerts.forms import SNOOZES, HandleForm
from portal.alerts.models import Alert, Handling
from portal.audit.services import ip_of
from portal.core.access import PortalRequest, requires, signed_in, while_viewing
from portal.core.htmx import render_page, toast, trigger
from portal.core.lists import query_of
from portal.core.paging import keyset_page

SORTS: Final = {"opened": "opened_at", "label": "label"}
MOST_AT_ONCE: Final = 5000


@require_safe
@requires("alert:view")
def alert_list(request: PortalRequest) -> HttpResponse:
    """Alerts, the open ones unless asked otherwise, newest first."""
    filters = AlertFilters(request.GET, queryset=selectors.list_alerts(request.access), request=request)
    rows = filters.rows()
    page = keyset_page(rows, request, sorts=SORTS, default="-opened")
    can_manage = bool(request.access.tenants_with("alert:manage"))
    context = {
        "filters": filters,
        "page": page,
        "query": query_of(request),
        "can_manage": can_manage,
        "total": rows.order_by()[:MOST_AT_ONCE].count() if can_manage else None,
        "snoozes": _snoozes(),
        "choice": selectors.get_choice(request.user),
        "mail_is_sent": mail_is_sent(),
    }
    return render_page(
        request, "alerts/alert_list.html", "alerts/_alert_table.html", context, status=filters.http_status
    )


@require_safe
@requires("alert:view")
def alert_detail(request: PortalRequest, pk: int) -> HttpResponse:
    """One alert with each time it was open."""
    alert = Alert.objects.get_for(request.access, "alert:view", pk=pk)
    context = {
        "alert": alert,
        "openings": selectors.list_openings(alert),
        "jobs_url": selectors.jobs_url(alert, request.access),
        "can_manage": request.access.allows("alert:manage", tenant_id=alert.tenant_id),
        "snoozes": _snoozes(),
    }
    return render_page(request, "alerts/alert_detail.html", "alerts/_alert_body.html", context)


def _snoozes() -> list[tuple[str, str]]:
    return [(key, label) for key, (label, _) in SNOOZES.items()]


@require_POST
@requires("alert:manage")
def alert_handle(request: PortalRequest) -> HttpResponse:
    """Acknowledge, snooze or resume the selected alerts, or all that match."""
    form = HandleForm(request.POST)
    if not form.is_valid():
        problem = " ".join(str(error) for errors in form.errors.values() for error in errors)
        return _answer(request, f"Nothing was changed. {problem}", level="danger", status=422)
    data = form.cleaned_data
    alerts = list(_chosen(request, data).visible_to(request.access, "alert:manage")[:MOST_AT_ONCE])
    if not alerts and len(data["selected"]) == 1:
        Alert.objects.get_for(request.access, "alert:view", act="alert:manage", pk=data["selected"][0])
    act = Handling.Act(data["act"])
    handling = services.handle(
        alerts, act, user=request.user, ip=ip_of(request), note=data["note"], until=form.until()
    )
    if handling is None:
        return _answer(request, "None of these can be changed by you.", level="warning", status=422)
    count = len(handling.before)
    text = f"{act.label} {count:,} alert{'' if count == 1 else 's'}."
    return _answer(request, text, undo_url=reverse("alerts:handling-undo", args=[handling.pk]))


def _chosen(request: PortalRequest, data: dict[str, Any]) -> Any:
    rows = selectors.list_alerts(request.access)
    if not data["all_matching"]:
        return rows.filter(pk__in=data["selected"])
    return AlertFilters(QueryDict(data["query"]), queryset=rows, request=request).rows()


@require_POST
@requires("alert:manage")
def handling_undo(request: PortalRequest, pk: int) -> HttpResponse:
    """Take back what the person did last to some alerts."""
    handling = selectors.get_handling(request.user, pk)
    count = services.undo(handling, user=request.user, ip=ip_of(request))
    return _answer(request, f"Put back {count:,} alert{'' if count == 1 else 's'}.", level="info")


def _answer(
    request: PortalRequest, text: str, *, level: str = "success", undo_url: str = "", status: int = 200
) -> HttpResponse:
    if request.htmx:
        response = HttpResponse(status=204 if status == 200 else status)
        response["HX-Reswap"] = "none"
        return toast(trigger(response, alerts_handled=True), text, level=level, undo_url=undo_url)
    if status != 200:
        return HttpResponse(text, status=status, content_type="text/plain")
    messages.success(request, text)
    return redirect("alerts:alert-list")


@require_safe
@while_viewing
@signed_in
def alert_count(request: PortalRequest) -> HttpResponse:
    """How many alerts are open, as the sidebar shows it."""
    return render(request, "alerts/_badge.html", {"count": selectors.count_open(request.access)})
