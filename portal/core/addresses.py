"""Which network addresses the portal may connect to when a person typed where to.

Public addresses always; private and loopback ones only where `ALLOWED_NETWORKS` lists them;
link-local, multicast, unspecified and cloud metadata addresses never. The decision is made on the
address a name resolved to, and that very address is connected to, so that a name cannot change
its meaning in between.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

IPAddress = IPv4Address | IPv6Address

METADATA_ADDRESSES: Final = frozenset(
    map(
        ip_address,
        (
            "169.254.169.254",
            "168.63.129.16",
            "100.100.100.200",
            "192.0.0.192",
            "fd00:ec2::254",
            "fd20:ce::254",
            "fd00:c1::a9fe:a9fe",
        ),
    )
)
"""Where clouds answer machines about themselves, credentials included."""

_NAT64: Final = IPv6Network("64:ff9b::/96")
_PORTS: Final = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")


class AddressForbidden(Exception):
    """The portal may not connect there; the text says why, for the person who typed the address."""


@dataclass(frozen=True, slots=True)
class AllowedNetwork:
    """One entry of `ALLOWED_NETWORKS`: `10.0.0.0/8`, `127.0.0.1/32:8060-8070`, `[fd00::/8]:8060`."""

    low: IPAddress
    high: IPAddress
    ports: range

    @classmethod
    def parse(cls, entry: str) -> "AllowedNetwork":
        text, ports = _split_ports(entry.strip())
        try:
            network = ip_network(text, strict=False)
        except ValueError as problem:
            raise ImproperlyConfigured(f"ALLOWED_NETWORKS: {entry!r}: {problem}.") from problem
        return cls(network.network_address, network.broadcast_address, _port_range(entry, ports))

    def holds(self, address: IPAddress, port: int) -> bool:
        same_family = address.version == self.low.version
        return same_family and int(self.low) <= int(address) <= int(self.high) and port in self.ports


def _split_ports(entry: str) -> tuple[str, str]:
    """The network and the port part; an IPv6 network with ports stands in brackets."""
    if entry.startswith("["):
        network, _, ports = entry[1:].partition("]")
        return network, ports.removeprefix(":")
    if entry.count(":") > 1:
        return entry, ""
    network, _, ports = entry.partition(":")
    return network, ports


def _port_range(entry: str, ports: str) -> range:
    match = _PORTS.fullmatch(ports or "1-65535")
    low = int(match[1]) if match else 0
    high = int(match[2] or low) if match else 0
    if not 1 <= low <= high <= 65_535:
        raise ImproperlyConfigured(f"ALLOWED_NETWORKS: {entry!r} should end in :port or :port-port.")
    return range(low, high + 1)


class AddressGuard:
    """Called with a resolved address and a port before a connection; raises what must not be."""

    def __init__(self, allowed: Iterable[str]) -> None:
        self._allowed = tuple(AllowedNetwork.parse(entry) for entry in allowed)

    def __call__(self, address: str, port: int) -> None:
        """Return if a connection may be made.

        Raises:
            AddressForbidden: it may not.
        """
        ip = _plain(ip_address(address.partition("%")[0]))
        if ip in METADATA_ADDRESSES or ip.is_link_local or ip.is_multicast or ip.is_unspecified:
            raise AddressForbidden(f"{ip} is an address that is never contacted.")
        if any(network.holds(ip, port) for network in self._allowed):
            return
        if not ip.is_global or ip.is_reserved or (isinstance(ip, IPv6Address) and ip.is_site_local):
            raise AddressForbidden(
                f"{ip} port {port} is in a private network that this portal is not allowed to contact."
                " ALLOWED_NETWORKS in its settings can list it."
            )


class WatchingGuard:
    """The guard of the settings, which also notes whether all it was asked about is public."""

    def __init__(self) -> None:
        self._guard = address_guard()
        self._public = _guard_for(())
        self._asked: list[bool] = []

    def __call__(self, address: str, port: int) -> None:
        """As the guard."""
        try:
            self._public(address, port)
        except AddressForbidden:
            self._asked.append(False)
        else:
            self._asked.append(True)
        self._guard(address, port)

    @property
    def met_public_ones_alone(self) -> bool:
        """Whether there were addresses, each of them public. What has no address may be a private name."""
        return bool(self._asked) and all(self._asked)


def _plain(ip: IPAddress) -> IPAddress:
    """The IPv4 address inside an IPv6 one that only wraps it."""
    if isinstance(ip, IPv4Address):
        return ip
    wrapped = ip.ipv4_mapped or ip.sixtofour
    if wrapped is None and ip in _NAT64:
        wrapped = IPv4Address(int(ip) & 0xFFFF_FFFF)
    return wrapped or ip


@lru_cache(maxsize=4)
def _guard_for(allowed: tuple[str, ...]) -> AddressGuard:
    return AddressGuard(allowed)


def address_guard() -> AddressGuard:
    """The guard that the portal's settings ask for."""
    return _guard_for(tuple(settings.ALLOWED_NETWORKS))
