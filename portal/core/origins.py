"""Which pages may send to the portal: origins a setting lists, and where a websocket was opened from."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from channels.security.websocket import WebsocketDenier
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http.request import split_domain_port, validate_host


def trusted_origins(entries: Iterable[str], *, https: bool) -> list[str]:
    """The entries of CSRF_TRUSTED_ORIGINS, each exactly one origin.

    Raises:
        ImproperlyConfigured: names the entry, and says how one looks.
    """
    found = []
    for entry in entries:
        try:
            parts = urlsplit(entry)
            well = bool(parts.hostname) and (parts.port or 443) > 0
        except ValueError:
            well = False
        schemes = ("https",) if https else ("http", "https")
        if not well or parts.scheme not in schemes or entry != f"{parts.scheme}://{parts.netloc}":
            raise ImproperlyConfigured(
                f"CSRF_TRUSTED_ORIGINS holds {entry!r}; an entry is {' or '.join(schemes)}://, a host name"
                " and, where needed, a port, such as https://portal.example.com, and nothing after it."
            )
        if "*" in entry or "@" in entry:
            raise ImproperlyConfigured(
                f"CSRF_TRUSTED_ORIGINS holds {entry!r}; name each origin by itself, without * and without @."
            )
        found.append(entry)
    return found


class SameOriginWebsockets:
    """Lets a websocket in only from a page of the portal itself.

    A browser sends the person's cookies with a websocket that any site opens, so the origin decides: it
    must be the very host that was asked, which ALLOWED_HOSTS must hold, or one of CSRF_TRUSTED_ORIGINS.
    """

    def __init__(self, application: Any) -> None:
        self.application = application

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> Any:
        allowed = is_own_origin(_header(scope, b"origin"), _header(scope, b"host"))
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
