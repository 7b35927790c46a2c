"""Answers that belong to no room: health, and the page for a refusal."""

from typing import Any, Final

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from redis.exceptions import RedisError

from portal.core.access import PERMISSIONS, public
from portal.core.events import redis_connection
from portal.core.heartbeats import alive_kinds
from portal.core.key_state import key_state
from portal.core.pulse import BEAT, SILENT_AFTER

KINDS: Final = ("worker", "bulk", BEAT, "relay")
"""The processes beside this one, by the kind of their heartbeats."""


@never_cache
@require_safe
@public
def healthz(request: HttpRequest) -> JsonResponse:
    """200 when this process answers and its database does, else 503; names what else is up or down.

    Pages work without the rest, and without readable secrets: these are matters for people.
    """
    try:
        alive = alive_kinds(within=SILENT_AFTER)
    except DatabaseError:
        return JsonResponse({"web": "up", "database": "down"}, status=503)
    secrets = "readable" if key_state(look_again=True).is_ready else "unreadable"
    others = {kind: _word(kind in alive) for kind in KINDS}
    told = {"web": "up", "database": "up", "redis": _word(_redis_answers()), **others, "secrets": secrets}
    return JsonResponse(told)


def _word(is_up: bool) -> str:
    return "up" if is_up else "down"


def _redis_answers() -> bool:
    try:
        return bool(redis_connection().ping())
    except RedisError:
        return False


def bad_request(request: HttpRequest, exception: Any = None) -> HttpResponse:
    """The 400 page. It asks nothing of the request, which may be anything."""
    return HttpResponse(_bare_page("400.html", request), status=400)


def server_error(request: HttpRequest) -> HttpResponse:
    """The 500 page. It asks neither database nor session, which may be what failed."""
    return HttpResponse(_bare_page("500.html", request), status=500)


def _bare_page(template: str, request: HttpRequest) -> str:
    """A page without the context processors, but with what lets its own scripts run."""
    return render_to_string(template, {"CSP_NONCE": getattr(request, "csp_nonce", "")})


def too_many_requests(request: HttpRequest) -> HttpResponse:
    """The 429 page. Limits of sign-in pages count by the minute."""
    response = render(request, "429.html", status=429)
    response["Retry-After"] = "60"  # seconds
    return response


def permission_denied(request: HttpRequest, exception: Any = None) -> HttpResponse:
    """The 403 page; it names the permission that is missing."""
    missing = PERMISSIONS.get(str(exception), "")
    return render(request, "403.html", {"missing": missing}, status=403)
