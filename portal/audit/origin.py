"""Where an action comes from: the request under way, so that every entry says it alike."""

import ipaddress
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from django.http import HttpRequest, HttpResponse

_IPV6_NETWORK: Final = 64
"""Bits that one customer of a provider has for himself."""


class Origin:
    """What an entry says of where it came from. Outside a request all of it is empty.

    `viewing_as` is the label of the request's `viewing` and `via` its own `via`, as they are when an
    entry is written: what puts on another's view, or signs in by token, sets them.
    """

    def __init__(self, request: HttpRequest | None = None) -> None:
        self._request = request
        self.ip = ip_of(request) if request is not None else None
        self.refusals = 0
        """Entries of this request that ended as refused."""

    @property
    def viewing_as(self) -> str:
        return str(getattr(getattr(self._request, "viewing", None), "label", ""))

    @property
    def via(self) -> str:
        return str(getattr(self._request, "via", None) or "")


_current: Final[ContextVar[Origin | None]] = ContextVar("audit_origin", default=None)


def current() -> Origin:
    """The origin of what is being done now."""
    return _current.get() or Origin()


@contextmanager
def of_request(request: HttpRequest) -> Iterator[Origin]:
    """Entries written inside say that they come from `request`."""
    origin = Origin(request)
    token = _current.set(origin)
    try:
        yield origin
    finally:
        _current.reset(token)


def ip_of(request: HttpRequest) -> str | None:
    """The address the request came from, as the web server states it; None where it has none."""
    try:
        address = ipaddress.ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def network_of(ip: str | None) -> str:
    """What counts as one address: an IPv4 address, or the IPv6 network that one customer has for himself."""
    if ip is None:
        return ""
    address = ipaddress.ip_address(ip)
    if address.version == 4:
        return ip
    return str(ipaddress.ip_network((address, _IPV6_NETWORK), strict=False))


class OriginMiddleware:
    """Lets every entry of a request say where it came from."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with of_request(request):
            return self.get_response(request)
