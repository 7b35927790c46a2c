"""Answers that belong to no room: health, and the page for a refusal."""

from typing import Any

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from portal.core.access import PERMISSIONS, public
from portal.core.key_state import key_state


@never_cache
@require_safe
@public
def healthz(request: HttpRequest) -> JsonResponse:
    """200 when this process answers and its database does, else 503.

    Unreadable secrets are told, and stay a matter for people: pages work without them.
    """
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return JsonResponse({"web": "up", "database": "down"}, status=503)
    secrets = "readable" if key_state(look_again=True).is_ready else "unreadable"
    return JsonResponse({"web": "up", "database": "up", "secrets": secrets})


def too_many_requests(request: HttpRequest) -> HttpResponse:
    """The 429 page. Limits of sign-in pages count by the minute."""
    response = render(request, "429.html", status=429)
    response["Retry-After"] = "60"  # seconds
    return response


def permission_denied(request: HttpRequest, exception: Any = None) -> HttpResponse:
    """The 403 page; it names the permission that is missing."""
    missing = PERMISSIONS.get(str(exception), "")
    return render(request, "403.html", {"missing": missing}, status=403)
