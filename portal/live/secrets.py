"""Takes secrets out of what an event carries, before it is stored."""

import re
from functools import cache, lru_cache
from typing import Any, Final

import msgspec

import comet.types
from comet.structure import Structure
from portal.core.secrecy import looks_secret, storable

REMOVED: Final = "(removed)"
DEEPEST: Final = 40
"""Levels of nesting that are kept; Comet's own structures have fewer than 20."""

_IS_NO_SECRET: Final = frozenset({"ServerLicenseHash", "ServerStartHash", "LicenseHash", "ProfileHash"})
_IN_ADDRESS: Final = re.compile(r"(\w://)[^/@\s]+@")


@cache
def secret_names() -> frozenset[str]:
    """Field names that hold a secret in any structure of the API, as they are on the wire."""
    names: set[str] = set()
    for structure in vars(comet.types).values():
        if not (isinstance(structure, type) and issubclass(structure, Structure)):
            continue
        if structure is comet.types.StreamableEvent:
            continue  # its Data is what is looked through here
        wire = {field.name: field.encode_name for field in msgspec.structs.fields(structure)}
        names.update(wire[name] for name in structure.SECRETS)
    return frozenset(names)


def without_secrets(value: Any, depth: int = 0) -> Any:
    """A copy of decoded JSON, fit to be stored and shown.

    Values under a secret's name, or under one that looks like it, are replaced where they hold
    anything; so are user names and passwords inside addresses. NUL characters, which PostgreSQL
    does not store, become U+FFFD.
    """
    kind: Any = type(value)
    if kind is str:
        text: str = storable(value)
        return _IN_ADDRESS.sub(rf"\1{REMOVED}@", text) if "@" in text else text
    if kind is not dict and kind is not list:
        return value
    if depth >= DEEPEST:
        return REMOVED
    if kind is list:
        return [without_secrets(item, depth + 1) for item in value]
    clean: dict[str, Any] = {}
    for name, held in value.items():
        stored, may_hold = _name(name)
        if held and not may_hold:
            clean[stored] = REMOVED
        else:
            clean[stored] = held if type(held) is int else without_secrets(held, depth + 1)
    return clean


@lru_cache(maxsize=4096)
def _name(name: str) -> tuple[str, bool]:
    """A key as it is stored, and whether what it holds may be."""
    return storable(name), not is_secret(name)


def is_secret(name: str) -> bool:
    """Whether a key of this name holds, or may hold, what nobody should read."""
    if name in secret_names():
        return True
    return name not in _IS_NO_SECRET and looks_secret(name)
