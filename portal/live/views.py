"""Pages of what happened on the Comet Servers."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from portal.core.access import PortalRequest, requires, signed_in, while_viewing
from portal.core.htmx import render_page
from portal.core.paging import keyset_page
from portal.live import selectors
from portal.live.filters import EventFilters
from portal.live.kinds import GROUPS, group_of
from portal.live.models import Event
from portal.live.observing import count_posted_during, told_of
from portal.live.stored import stored_text


@require_safe
@requires("activity:view")
def activity(request: PortalRequest) -> HttpResponse:
    """Everything that happened, newest first; the first page without filters stays live."""
    filters = EventFilters(request.GET, queryset=selectors.list_events(request.access), request=request)
    page = keyset_page(filters.rows(), request, sorts={"received": "received_at"}, default="-received")
    is_live = filters.is_valid() and not filters.chips() and not page.previous_url
    context = {
        "filters": filters,
        "page": page,
        "is_live": is_live,
        "can_replay": bool(request.access.tenants_with("server:sync")),
    }
    return render_page(
        request, "live/activity.html", "live/_activity_list.html", context, status=filters.http_status
    )


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
