"""The launcher that opens Comet signed in, the page that embeds it, and what their script asks for."""

import uuid
from typing import Final

from csp.decorators import csp_replace
from django.http import HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from portal.accounts.reauthentication import recently_authenticated
from portal.audit.services import ip_of
from portal.core.access import PortalRequest, requires, signed_in
from portal.sso import selectors, services
from portal.sso.doors import Door, browser_address, origin_of
from portal.sso.errors import KeyGone, LaunchRefused
from portal.sso.forms import ReasonForm
from portal.sso.models import Launch

OPENS_WINDOWS: Final = "same-origin-allow-popups"
"""The Cross-Origin-Opener-Policy under which an opened window keeps its opener."""

BY_HAND: Final = "ended by hand"
ENDS: Final = {"closed": "window closed", "silent": "no answer from the window"}
"""Why the launcher's script ends a sign-in, as it says it and as the audit does."""


@require_http_methods(["GET", "HEAD", "POST"])
@requires("server:admin")
@recently_authenticated
def server_launch(request: PortalRequest, pk: int) -> HttpResponse:
    """Open Comet as the server's administrator."""
    return _launcher(request, selectors.get_server_door(request.access, pk))


@require_http_methods(["GET", "HEAD", "POST"])
@requires("sso:tenant")
def organization_launch(request: PortalRequest, server_pk: int, pk: int) -> HttpResponse:
    """Open Comet as administrator of one organization."""
    return _launcher(request, selectors.get_organization_door(request.access, server_pk, pk))


@require_http_methods(["GET", "HEAD", "POST"])
@requires("sso:user")
def user_launch(request: PortalRequest, pk: int) -> HttpResponse:
    """Open Comet as an end user."""
    return _launcher(request, selectors.get_user_door(request.access, pk))


@never_cache
@require_safe
@signed_in
def launch_embedded(request: PortalRequest, pk: uuid.UUID) -> HttpResponseBase:
    """Comet inside a page of the portal, whose frames may hold that one origin alone."""
    launch = selectors.get_launch(request.access, request.user, _session(request), pk)
    address = browser_address(launch.server, launch.organization)
    origin = origin_of(address)
    context = {"launch": launch, "address": address, "origin": origin}
    page = csp_replace({"frame-src": [origin]})(lambda asked: render(asked, "sso/embedded.html", context))
    return page(request)


@never_cache
@require_POST
@signed_in
def launch_key(request: PortalRequest, pk: uuid.UUID) -> HttpResponse:
    """The sign-in message for the window that is waiting; a second time is refused with 410."""
    launch = selectors.get_launch(request.access, request.user, _session(request), pk)
    try:
        message = services.take_message(launch, user=request.user, ip=ip_of(request))
    except KeyGone as error:
        return JsonResponse({"problem": str(error)}, status=410)
    return JsonResponse(message)


@require_POST
@signed_in
def launch_end(request: PortalRequest, pk: uuid.UUID) -> HttpResponse:
    """End a sign-in of one's own; a worker revokes its key."""
    launch = selectors.get_own(request.user, pk)
    services.end(launch, because=ENDS.get(request.POST.get("because", ""), BY_HAND))
    if _wants_json(request):
        return JsonResponse({"state": "ended"})
    return redirect("sso:launch-ended")


@require_safe
@signed_in
def launch_ended(request: PortalRequest) -> HttpResponse:
    """What is said after a sign-in was ended."""
    return render(request, "sso/ended.html", {"launches": selectors.list_open(request.user)})


def _launcher(request: PortalRequest, door: Door) -> HttpResponse:
    if request.method != "POST":
        return _launch_page(request, door, ReasonForm(), _why_shut(door))
    form = ReasonForm(request.POST)
    embedded = "embedded" in request.POST
    refused = door.why_not_embedded(page_is_secure=request.is_secure()) if embedded else ""
    launch, status = None, 409 if refused else 422
    if form.is_valid() and not refused:
        try:
            launch = services.start(
                door,
                user=request.user,
                portal_session=_session(request),
                reason=form.cleaned_data["reason"],
                embedded=embedded,
                ip=ip_of(request),
            )
        except LaunchRefused as error:
            refused, status = str(error), 502
    if launch is None and _wants_json(request):
        return JsonResponse({"problem": refused, "errors": form.errors}, status=status)
    if launch is None:
        return _launch_page(request, door, form, refused, status=status)
    if embedded:
        return redirect("sso:launch-embedded", launch.pk)
    return _told(launch)


def _launch_page(
    request: PortalRequest, door: Door, form: ReasonForm, problem: str, *, status: int = 200
) -> HttpResponse:
    context = {
        "door": door,
        "form": form,
        "problem": problem,
        "minutes": int(services.TIME_BOX.total_seconds() // 60),
        "why_not_embedded": door.why_not_embedded(page_is_secure=request.is_secure()),
        "launches": selectors.list_open(request.user),
    }
    response = render(request, "sso/launcher.html", context, status=status)
    response["Cross-Origin-Opener-Policy"] = OPENS_WINDOWS
    return response


def _told(launch: Launch) -> HttpResponse:
    """What the launcher's script needs to know of a launch; no key."""
    return JsonResponse(
        {
            "key_url": reverse("sso:launch-key", args=[launch.pk]),
            "end_url": reverse("sso:launch-end", args=[launch.pk]),
            "username": launch.comet_username,
            "expires_at": launch.expires_at.isoformat(timespec="seconds"),
        },
        status=201,
    )


def _why_shut(door: Door) -> str:
    try:
        door.require_open()
    except LaunchRefused as error:
        return str(error)
    return ""


def _wants_json(request: PortalRequest) -> bool:
    return request.get_preferred_type(["text/html", "application/json"]) == "application/json"


def _session(request: PortalRequest) -> str:
    return services.session_digest(request.session.session_key)
