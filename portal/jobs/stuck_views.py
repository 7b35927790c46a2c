"""Stuck Jobs: the list with a proposal for each, the dry run, and doing it."""

from typing import Final

from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from portal.audit.services import ip_of
from portal.core.access import PortalRequest, requires
from portal.core.htmx import go_to, render_page
from portal.core.lists import query_of
from portal.core.paging import keyset_page
from portal.jobs import services, stuck
from portal.jobs.filters import StuckFilters
from portal.jobs.selectors import list_jobs
from portal.jobs.stuck import Act, Proposal

MOST_AT_ONCE: Final = 200
"""Jobs in one dry run: so many can be read before they are acted on."""


@require_safe
@requires("job:view")
def stuck_list(request: PortalRequest) -> HttpResponse:
    """Jobs whose Counter stands still, the oldest first, with what is proposed for each."""
    filters = _filters(request)
    page = keyset_page(filters.rows(), request, sorts={"start": "started_at"}, default="start")
    context = {
        "filters": filters,
        "page": page,
        "proposals": stuck.proposals_for(request.access, page.rows),
        "query": query_of(request),
    }
    return render_page(
        request, "jobs/stuck_list.html", "jobs/_stuck_table.html", context, status=filters.http_status
    )


@require_safe
@requires("job:view")
def stuck_plan(request: PortalRequest) -> HttpResponse:
    """The dry run: what exactly would be done, Job by Job. `?selected=` narrows it to some."""
    jobs = _filters(request).rows()
    numbers = [pk for text in request.GET.getlist("selected")[:MOST_AT_ONCE] if (pk := _number(text))]
    if len(numbers) == 1:
        list_jobs(request.access).get_for(request.access, "job:view", pk=numbers[0])
    if numbers:
        jobs = jobs.filter(pk__in=numbers)
    return _plan(request, _proposals(request, jobs.order_by("started_at", "pk")[:MOST_AT_ONCE]))


@require_POST
@requires("job:view")
def stuck_run(request: PortalRequest) -> HttpResponse:
    """Do what the dry run showed. Where another thing is to be done by now, it is shown anew first."""
    chosen = _choices(request.POST)
    jobs = list_jobs(request.access).filter(pk__in=chosen, ended_at=None).order_by("started_at", "pk")
    proposals = _proposals(request, jobs)
    wanted = [one for one in proposals if one.is_allowed and chosen[one.job.pk] == one.act]
    if not wanted or len(wanted) != len(chosen):
        return _plan(request, proposals, status=422)
    started = services.unstick(wanted, user=request.user, ip=ip_of(request))
    if len(started) > 1:
        return go_to(request, reverse("operations:operation-list"))
    return go_to(request, reverse("operations:operation-detail", args=[started[0].pk]))


def _filters(request: PortalRequest) -> StuckFilters:
    filters = StuckFilters(request.GET, queryset=list_jobs(request.access).none(), request=request)
    filters.queryset = stuck.list_stuck(request.access, filters.still_for)
    return filters


def _proposals(request: PortalRequest, jobs: object) -> list[Proposal]:
    return stuck.proposals_for(request.access, list(jobs))  # type: ignore[call-overload]


def _plan(request: PortalRequest, proposals: list[Proposal], *, status: int = 200) -> HttpResponse:
    context = {
        "cancels": [one for one in proposals if one.act == Act.CANCEL and one.is_allowed],
        "abandons": [one for one in proposals if one.act == Act.ABANDON and one.is_allowed],
        "left": [one for one in proposals if not one.is_allowed],
        "is_other": status != 200,
        "most": MOST_AT_ONCE,
    }
    return render(request, "jobs/stuck_plan.html", context, status=status)


def _choices(data: QueryDict) -> dict[int, str]:
    """Job -> what was proposed for it, as `Proposal.choice` writes it. What is none is passed over."""
    found = {}
    for text in data.getlist("choice")[:MOST_AT_ONCE]:
        number, _, act = text.partition(":")
        if pk := _number(number):
            found[pk] = act
    return found


def _number(text: str) -> int:
    """A row's id; 0 for what is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
