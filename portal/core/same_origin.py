"""Where a websocket was opened from: only a page of the portal itself is let in."""

from typing import Any

from channels.security.websocket import WebsocketDenier
from django.conf import settings
from django.http.request import split_domain_port, validate_host

from portal.core.refusals import note_refusal


class SameOriginWebsockets:
    """Lets a websocket in only from a page of the portal itself.

    A browser sends the person's cookies with a websocket that any site opens, so the origin decides: it
    must be the very host that was asked, which ALLOWED_HOSTS must hold, or one of CSRF_TRUSTED_ORIGINS.
    """

    def __init__(self, application: Any) -> None:
        self.application = application

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> Any:
        origin = _header(scope, b"origin")
        allowed = is_own_origin(origin, _header(scope, b"host"))
        if not allowed:
            note_refusal("socket", "origin", origin=origin[:100])
        application = self.application if allowed else WebsocketDenier()
        return await application(scope, receive, send)


def is_own_origin(origin: str, host: str) -> bool:
    """Whether `origin` (of the header) is a page of the portal that answers as `host`."""
    if origin in settings.CSRF_TRUSTED_ORIGINS:
        return True
    scheme, _, place = origin.partition("://")
    if scheme not in (("https",) if settings.HTTPS else ("http", "https")) or not place:
        return False
    name, _ = split_domain_port(place.lower())
    return place.lower() == host.lower() and validate_host(name, settings.ALLOWED_HOSTS)


def _header(scope: dict[str, Any], name: bytes) -> str:
    """The header's value; '' where it is missing or sent twice."""
    values = [value for key, value in scope["headers"] if key == name]
    return values[0].decode("latin-1") if len(values) == 1 else ""
