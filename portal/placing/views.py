"""Pages that place organizations and users with tenants."""

from typing import Any, Final

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from portal.audit.services import ip_of
from portal.core.access import PortalRequest, requires
from portal.core.htmx import render_page, toast, trigger
from portal.core.lists import query_of
from portal.core.paging import keyset_page, total_of
from portal.placing import plans, rows, selectors, services
from portal.placing.errors import PlacingRefused
from portal.placing.filters import PlacementFilters, ProfileFilters
from portal.placing.forms import Chosen, PlaceForm
from portal.placing.preview import preview
from portal.placing.services import Placed

SORTS: Final = {"name": "sort_name"}
PROFILE_SORTS: Final = {"username": "username"}
CHANGE_SORTS: Final = {"time": "made_at"}


@require_safe
@requires("tenant:manage")
def placement_list(request: PortalRequest) -> HttpResponse:
    """Organizations of the servers the caller manages: where each is placed, or probably belongs."""
    filters = PlacementFilters(
        request.GET, queryset=selectors.list_placements(request.access), request=request
    )
    page = keyset_page(filters.rows(), request, sorts=SORTS, default="name")
    context = {
        "filters": filters,
        "page": page,
        "rows": rows.placement_rows(request.access, page, filters.suggestions(page)),
        "total": total_of(page, filters.rows()),
        "query": query_of(request),
        "exact": filters.count_exact(),
        "exact_query": _exact_query(request),
        "has_servers": bool(page.rows) or selectors.list_managed_servers(request.access).exists(),
        "kind": "organizations",
    }
    return render_page(
        request,
        "placing/placement_list.html",
        "placing/_placement_table.html",
        context,
        status=filters.http_status,
    )


def _exact_query(request: PortalRequest) -> str:
    """Names what the list shows, as far as it has the name of a Tenant."""
    query = request.GET.copy()
    for name in ("after", "before", "sort"):
        query.pop(name, None)
    wanted = {"kind": "organizations", "all_matching": "1", "suggestion": "exact", "how": "suggested"}
    for name, value in wanted.items():
        query[name] = value
    return query.urlencode()


@require_safe
@requires("tenant:manage")
def profile_list(request: PortalRequest) -> HttpResponse:
    """Users at the top level, in organizations that are not placed, and those placed by hand."""
    filters = ProfileFilters(request.GET, queryset=selectors.list_profiles(request.access), request=request)
    page = keyset_page(filters.rows(), request, sorts=PROFILE_SORTS, default="username")
    context = {
        "filters": filters,
        "page": page,
        "rows": rows.profile_rows(request.access, page, filters.suggestions(page)),
        "query": query_of(request),
        "kind": "users",
    }
    return render_page(
        request,
        "placing/profile_list.html",
        "placing/_profile_table.html",
        context,
        status=filters.http_status,
    )


@require_safe
@requires("tenant:manage")
def placement_confirm(request: PortalRequest) -> HttpResponse:
    """The question before something is placed: where to, and what that changes."""
    chosen = Chosen(request, request.GET)
    form = PlaceForm(_completed(request, chosen), chosen=chosen, access=request.access)
    context: dict[str, Any] = {"chosen": chosen, "form": form, "title": _title(chosen)}
    if chosen.rows and form.is_valid():
        try:
            plan = chosen.plan(form.cleaned_data)
            resolved = plans.resolve(plan, request.access)
        except PlacingRefused as refused:
            form.add_error(None, str(refused))
        else:
            context |= {
                "plan": plan.encode(),
                "preview": preview(resolved, request.access),
                "without": len(chosen.rows) - len(plan.lines),
            }
    elif "tenant" not in request.GET:
        form.errors.pop("tenant", None)  # it was not asked for yet
    return render(request, "placing/_confirm.html", context)


def _completed(request: PortalRequest, chosen: Chosen) -> QueryDict:
    """What was answered so far, and else what is likely: new tenants are made below the server's owner."""
    answers = request.GET.copy()
    if answers.get("how") not in chosen.ways:
        answers["how"] = chosen.ways[0]
    if chosen.rows and not answers.get("parent"):
        answers["parent"] = str(chosen.rows[0].server.tenant_id)
    if chosen.kind == "organizations" and len(chosen.rows) == 1 and not answers.get("name"):
        answers["name"] = selectors.name_of(chosen.rows[0])
    return answers


def _title(chosen: Chosen) -> str:
    if len(chosen.rows) == 1:
        row = chosen.rows[0]
        return f"Place {row.username if chosen.kind == 'users' else selectors.name_of(row)}"
    return f"Place {len(chosen.rows):,} {chosen.kind}"


@require_POST
@requires("tenant:manage")
def placement_place(request: PortalRequest) -> HttpResponse:
    """Carry out a plan; what somebody else changed meanwhile is shown and left alone."""
    try:
        plan = plans.decode(request.POST.get("plan", ""))
        resolved = plans.resolve(plan, request.access)
        placed = services.place(resolved, user=request.user, ip=ip_of(request))
    except PlacingRefused as refused:
        return _refused(request, str(refused))
    return _answer(request, placed, "placed")


@require_safe
@requires("tenant:manage")
def change_list(request: PortalRequest) -> HttpResponse:
    """What was placed on the servers the caller manages, each with the way to take it back."""
    page = keyset_page(selectors.list_changes(request.access), request, sorts=CHANGE_SORTS, default="-time")
    context = {"page": page, "rows": rows.change_rows(request.access, page)}
    return render_page(request, "placing/change_list.html", "placing/_change_table.html", context)


@require_POST
@requires("tenant:manage")
def change_undo(request: PortalRequest, pk: int) -> HttpResponse:
    """Put back what one change placed, as far as nobody placed it elsewhere since."""
    change = selectors.get_change(request.access, pk)
    try:
        placed = services.take_back(change, access=request.access, user=request.user, ip=ip_of(request))
    except PlacingRefused as refused:
        return _refused(request, str(refused), where="placing:change-list")
    return _answer(request, placed, "placed back", where="placing:change-list", undo=False)


def _answer(
    request: PortalRequest,
    placed: Placed,
    what: str,
    *,
    where: str = "placing:placement-list",
    undo: bool = True,
) -> HttpResponse:
    text = _told(placed, what)
    undo_url = reverse("placing:change-undo", args=[placed.change.pk]) if placed.change and undo else ""
    level = "success" if placed.moves else "warning"
    if not request.htmx:
        messages.add_message(request, messages.SUCCESS if placed.moves else messages.WARNING, text)
        return redirect(where)
    if placed.stale:
        response = render(request, "placing/_stale.html", {"placed": placed, "title": "Changed meanwhile"})
        response["HX-Retarget"] = "#modal"
        response["HX-Reswap"] = "innerHTML"
    else:
        response = trigger(HttpResponse(status=204), modal_close=True)
    return toast(trigger(response, placements_changed=True), text, level=level, undo_url=undo_url)


def _told(placed: Placed, what: str) -> str:
    count = len(placed.moves)
    if not count:
        return "Nothing was changed." if placed.stale else "Everything is there already."
    first = placed.moves[0]
    text = f"{first.label} is {what}." if count == 1 else f"{count:,} are {what}."
    if placed.operations:
        text += " Older jobs and events follow."
    return text


def _refused(request: PortalRequest, reason: str, *, where: str = "placing:placement-list") -> HttpResponse:
    if request.htmx:
        context = {"reason": reason, "title": "Not placed"}
        response = render(request, "placing/_refused.html", context, status=422)
        response["HX-Retarget"] = "#modal"
        response["HX-Reswap"] = "innerHTML"
        return response
    messages.error(request, reason)
    return redirect(where)
