"""Browsers in which somebody has signed in: strangers who use up his attempts do not keep them out.

Failed sign-ins are limited by mail address, so whoever knows an address could keep its person out for
good. A browser that has the cookie of that address is counted by itself; it is worth nothing else.
"""

import secrets
from typing import Any, Final

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import salted_hmac

SALT: Final = "portal.accounts.known_browsers"
LASTS: Final = 180 * 86_400
"""Seconds."""


def cookie_name() -> str:
    return "__Host-known" if settings.SESSION_COOKIE_SECURE else "known"


def id_of(request: HttpRequest, email: str) -> str:
    """What tells this browser from others, if this address has signed in here; else empty."""
    try:
        held: Any = signing.loads(request.COOKIES.get(cookie_name(), ""), salt=SALT, max_age=LASTS)
    except signing.BadSignature:
        return ""
    return str(held["id"]) if held["whose"] == _digest_of(email) else ""


def remember(request: HttpRequest, response: HttpResponse, email: str) -> None:
    """Let the browser know that this address has signed in here."""
    known = id_of(request, email) or secrets.token_urlsafe(12)
    response.set_cookie(
        cookie_name(),
        signing.dumps({"id": known, "whose": _digest_of(email)}, salt=SALT),
        max_age=LASTS,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _digest_of(email: str) -> str:
    return salted_hmac(SALT, email.lower(), algorithm="sha256").hexdigest()[:32]
