"""The first screen, and the search over everything."""

from typing import Final

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from portal.core.access import PortalRequest, signed_in, while_viewing
from portal.core.htmx import render_page, wants_partial
from portal.jobs.attention import list_groups
from portal.live.selectors import list_latest_events
from portal.overview import selectors
from portal.overview.forms import SearchForm
from portal.overview.search import search as search_everything

GROUPS: Final = 6


@require_safe
@while_viewing
@signed_in
def home(request: PortalRequest) -> HttpResponse:
    """What broke, where, since when, and what to do now. Its upper half asks itself anew."""
    access = request.access
    if not access.tenants_with("job:view"):
        return render(request, "overview/no_jobs.html", {"has_role": any(access.permissions())})
    groups = list_groups(access)
    context = {
        "tiles": selectors.list_tiles(access),
        "groups": groups[:GROUPS],
        "more_groups": max(0, len(groups) - GROUPS),
        "can_run": bool(access.tenants_with("backup:run")),
        "opened": None,
    }
    if not wants_partial(request):
        servers = selectors.list_servers(access)
        context |= {
            "servers": servers,
            "strips": selectors.list_strips(access, servers),
            "can_see_activity": bool(access.tenants_with("activity:view")),
            "events": list_latest_events(access),
            "is_empty": selectors.is_empty(access),
            "can_link": bool(access.tenants_with("server:link")),
        }
    return render_page(request, "overview/home.html", "overview/_now.html", context)


@require_safe
@while_viewing
@signed_in
def search(request: PortalRequest) -> HttpResponse:
    """Devices, users, Jobs, servers and tenants that match `?q=`, a few of each."""
    form = SearchForm(request.GET if request.GET.get("q", "").strip() else None)
    found = search_everything(request.access, form.cleaned_data["q"]) if form.is_valid() else None
    context = {"form": form, "groups": found}
    return render(request, "overview/search.html", context, status=422 if form.errors else 200)
