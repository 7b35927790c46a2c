"""Where a request comes from, behind proxies or without: decided once, by TRUSTED_PROXIES."""

import ipaddress
from collections.abc import Callable, Sequence

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class ClientAddressMiddleware:
    """Puts the client's own address into REMOTE_ADDR, which is all that limits and the audit read.

    A proxy's word is taken only if the proxy itself is trusted, hop by hop from the nearest one;
    whatever a client writes into X-Forwarded-For stands further away and is never reached.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if settings.TRUSTED_PROXIES:
            request.META["REMOTE_ADDR"] = client_address(
                request.META.get("REMOTE_ADDR", ""),
                request.headers.get("X-Forwarded-For", ""),
                settings.TRUSTED_PROXIES,
            )
        return self.get_response(request)


def client_address(remote: str, forwarded_for: str, trusted: Sequence[Network]) -> str:
    """The nearest address on the way here that is not one of `trusted`."""
    address, hops = remote, [hop.strip() for hop in forwarded_for.split(",")]
    while hops and _is_in(address, trusted):
        hop = hops.pop()
        if _parsed(hop) is None:
            break
        address = hop
    return address


def trusted_networks(names: Sequence[str]) -> list[Network]:
    """Addresses and ranges of proxies, read.

    Raises:
        ImproperlyConfigured: one is neither.
    """
    try:
        return [ipaddress.ip_network(name) for name in names]
    except ValueError as error:
        raise ImproperlyConfigured(f"TRUSTED_PROXIES: {error}. Write addresses or ranges.") from error


def _is_in(address: str, networks: Sequence[Network]) -> bool:
    parsed = _parsed(address)
    return parsed is not None and any(parsed in network for network in networks)


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return None
    mapped = getattr(parsed, "ipv4_mapped", None)
    return mapped or parsed
