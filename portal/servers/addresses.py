"""Addresses of Comet Servers as people type them, and as they are stored."""

import re
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError

MAX_LENGTH: Final = 255
_LABEL: Final = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def normalise_url(typed: str) -> str:
    """`scheme://host[:port]` in lower case, without the scheme's own port and without a slash.

    Raises:
        ValidationError: it is no such address; the text says what is wrong with it.
    """
    text = typed.strip()
    if len(text) > MAX_LENGTH:
        raise ValidationError(f"An address has at most {MAX_LENGTH} characters; this one has {len(text)}.")
    if not text.isascii() or not text.isprintable() or any(mark in text for mark in "<>\"' \\"):
        raise ValidationError("An address consists of letters, digits and the signs : / . - [ ] only.")
    if "://" not in text:
        raise ValidationError("Begin the address with https:// or http://, as in https://backup.example.com.")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError as problem:
        raise ValidationError("The port of an address is a number from 1 to 65535.") from problem
    if parts.scheme.lower() not in _DEFAULT_PORTS:
        raise ValidationError("Begin the address with https:// or http://.")
    if parts.username is not None or parts.password is not None:
        raise ValidationError("Leave name and password out of the address; they have fields of their own.")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValidationError("End the address after the host and port: no path, no ? and no #.")
    if port == 0:
        raise ValidationError("The port of an address is a number from 1 to 65535.")
    host = _checked_host(host)
    scheme = parts.scheme.lower()
    suffix = f":{port}" if port not in (None, _DEFAULT_PORTS[scheme]) else ""
    return f"{scheme}://{host}{suffix}"


def is_host_name(text: str) -> bool:
    """Whether it is a plain host name: no scheme, no port, nothing that means more in an address."""
    return 0 < len(text) <= 253 and all(_LABEL.fullmatch(label) for label in text.split("."))


def _checked_host(host: str) -> str:
    if ":" in host:
        if "%" in host:
            raise ValidationError("Leave the zone (from % on) out of an IPv6 address.")
        try:
            return f"[{ip_address(host)}]"
        except ValueError as problem:
            raise ValidationError("The address in brackets is not an IPv6 address.") from problem
    if not is_host_name(host):
        raise ValidationError("The address needs a host name such as backup.example.com, or an IP address.")
    return host
