"""Pages of what happened on the Comet Servers."""

from typing import Final

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from portal.core.access import PortalRequest, hands_out_file, requires, signed_in, while_viewing
from portal.core.export import csv_response, stream_response
from portal.core.htmx import render_page
from portal.core.lists import query_of
from portal.core.paging import Page
from portal.live import exports, selectors
from portal.live.counts import kept_from
from portal.live.extras import told_beside
from portal.live.filters import EventFilters, PersonForm
from portal.live.kinds import GROUPS, group_of
from portal.live.models import Event
from portal.live.observing import count_posted_during, told_of
from portal.live.people import suggest_people
from portal.live.search import NEWEST, Looked, look
from portal.live.stored import stored_text
from portal.live.tallies import counted_until, list_counts

NOTHING: Final = Looked(Page(rows=[], sort=NEWEST, previous_url="", next_url=""))


@require_safe
@requires("activity:view")
def activity(request: PortalRequest) -> HttpResponse:
    """Everything that happened, newest first; without filters the first page stays live by itself."""
    filters = _filters(request)
    search = filters.search()
    looked = look(search, request.access, request) if search else NOTHING
    is_first = not (looked.page.previous_url or request.GET.get("after"))
    context = {
        "filters": filters,
        "search": search,
        "page": looked.page,
        "back_to": looked.back_to,
        "further_url": looked.further_url,
        "is_live": search is not None and is_first and not filters.chips(),
        "is_first": search is not None and is_first,
        "query": query_of(request),
        "most_exported": exports.MOST,
        "kept_from": kept_from(),
        "can_replay": bool(request.access.tenants_with("server:sync")),
    }
    return render_page(
        request, "live/activity.html", "live/_activity_list.html", context, status=filters.http_status
    )


@require_safe
@requires("activity:view")
def activity_people(request: PortalRequest) -> HttpResponse:
    """Names to choose from while one is typed."""
    form = PersonForm(request.GET)
    names = suggest_people(request.access, form.cleaned_data["person"]) if form.is_valid() else []
    return render(request, "live/_activity_people.html", {"names": names})


@require_safe
@requires("activity:view")
def activity_counts(request: PortalRequest) -> HttpResponse:
    """How many events there were a day, or a month, as the filters narrow them."""
    filters = _filters(request)
    search = filters.search()
    by_month = request.GET.get("by") == "month"
    bars = list_counts(search, request.access, by_month=by_month) if search else []
    context = {
        "filters": filters,
        "bars": bars,
        "total": sum(bar.count for bar in bars),
        "most": max((bar.count for bar in bars), default=0),
        "by_month": by_month,
        "counted_at": counted_until(),
        "is_partial": search is not None and bool(search.person or search.text),
        "query": query_of(request, "by"),
    }
    return render_page(
        request,
        "live/activity_counts.html",
        "live/_activity_counts.html",
        context,
        status=filters.http_status,
    )


@require_safe
@hands_out_file
@requires("activity:view")
def activity_export_csv(request: PortalRequest) -> HttpResponseBase:
    """Events as CSV: same filters, the newest first."""
    search = _filters(request).search()
    if search is None:
        return _back_to_list(request)
    found = exports.chunks(search, request.access, request)
    return csv_response(request, "activity.csv", exports.HEADER, found, exports.cells)


@require_safe
@hands_out_file
@requires("activity:view")
def activity_export_jsonl(request: PortalRequest) -> HttpResponseBase:
    """Events as JSON lines, with their data as stored: same filters, the newest first."""
    search = _filters(request).search()
    if search is None:
        return _back_to_list(request)
    found = exports.chunks(search, request.access, request, with_data=True)
    return stream_response(request, "activity.jsonl", "application/x-ndjson", exports.lines(found))


def _filters(request: PortalRequest) -> EventFilters:
    return EventFilters(request.GET, queryset=selectors.list_events(request.access), request=request)


def _back_to_list(request: PortalRequest) -> HttpResponse:
    return redirect(f"{reverse('live:activity')}?{request.GET.urlencode()}")


@require_safe
@requires("activity:view")
def event_detail(request: PortalRequest, pk: int) -> HttpResponse:
    """One event, with what is stored of it."""
    event = Event.objects.get_for(request.access, "activity:view", pk=pk)
    group = group_of(event.type)
    context = {
        "event": event,
        "group": group,
        "group_label": GROUPS[group],
        "data": stored_text(event.data),
        "extra": stored_text(told_beside(event)),
    }
    if event.problem:
        context["kept"] = selectors.list_set_aside(request.access).filter(event=event).first()
    if event.is_gap:
        context |= {"read_again": told_of(event.gap["caught_up"]), "posted": count_posted_during(event)}
    return render(request, "live/event_detail.html", context)


@require_safe
@while_viewing
@signed_in
def pills(request: PortalRequest) -> HttpResponse:
    """How fresh the data is and what runs, as the top bar of every page shows it."""
    return render(request, "live/_pills.html")
