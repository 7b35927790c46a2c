"""Pages of events that were set aside: the list, one of them, and what can be done with them."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from portal.audit.services import ip_of
from portal.core.access import PortalRequest, requires
from portal.core.htmx import go_to, render_page
from portal.core.lists import query_of
from portal.core.paging import keyset_page
from portal.live import replay, selectors
from portal.live.fences import Fenced
from portal.live.filters import SetAsideFilters
from portal.live.stored import stored_text


@require_safe
@requires("server:sync")
def set_aside_list(request: PortalRequest) -> HttpResponse:
    """Events that could not be read or applied, the newest first."""
    filters = SetAsideFilters(request.GET, queryset=selectors.list_set_aside(request.access), request=request)
    page = keyset_page(filters.rows(), request, sorts={"since": "set_aside_at"}, default="-since")
    context = {"filters": filters, "page": page, "query": query_of(request)}
    return render_page(
        request, "live/set_aside_list.html", "live/_set_aside_table.html", context, status=filters.http_status
    )


@require_safe
@requires("server:sync")
def set_aside_detail(request: PortalRequest, pk: int) -> HttpResponse:
    """One of them: why, since when, and what was kept of it."""
    kept = selectors.list_set_aside(request.access).get_for(request.access, "server:sync", pk=pk)
    return render(request, "live/set_aside_detail.html", {"kept": kept, "told": stored_text(kept.told)})


@require_POST
@requires("server:sync")
def set_aside_replay(request: PortalRequest, pk: int) -> HttpResponse:
    """Tell one of them once more. Where it fails again, its page says why."""
    kept = selectors.list_set_aside(request.access).get_for(request.access, "server:sync", pk=pk)
    event_id = kept.event_id
    try:
        reason = replay.replay(kept, user=request.user, ip=ip_of(request))
    except Fenced:
        reason = f"{kept.server.name} is not linked any more."
    if reason:
        messages.error(request, f"It is still set aside. {reason}")
        return redirect("live:set-aside-detail", pk)
    messages.success(request, "The event was replayed.")
    return redirect("live:event-detail", event_id)


@require_POST
@requires("server:sync")
def set_aside_dismiss(request: PortalRequest, pk: int) -> HttpResponse:
    """Take one of them off the list."""
    kept = selectors.list_set_aside(request.access).get_for(request.access, "server:sync", pk=pk)
    replay.dismiss(kept, user=request.user, ip=ip_of(request))
    messages.success(request, "The event was dismissed. It stays in the activity.")
    return redirect("live:set-aside-list")


@require_POST
@requires("server:sync")
def set_aside_replay_all(request: PortalRequest) -> HttpResponse:
    """Tell all that match the list's filters once more, server by server, as an Operation."""
    rows = selectors.list_set_aside(request.access)
    filters = SetAsideFilters(request.GET, queryset=rows, request=request)
    servers = selectors.list_servers_of_set_aside(filters.rows())
    if not servers:
        messages.info(request, "Nothing is set aside any more.")
        return redirect("live:set-aside-list")
    operation = replay.replay_all(servers, user=request.user, ip=ip_of(request))
    return go_to(request, reverse("operations:operation-detail", args=[operation.pk]))
