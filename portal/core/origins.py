"""Which other pages may send to the portal: the origins that a setting lists."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured


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
