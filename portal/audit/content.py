"""What of an entry is sealed, as bytes; and values made fit to be kept for good."""

import ipaddress
import json
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from random import SystemRandom
from typing import Any, Final

from portal.core.encryption import MASK, Secret
from portal.core.secrecy import looks_secret, storable

SEALED: Final = (
    "id",
    "at",
    "action",
    "phase",
    "outcome",
    "begun_id",
    "tenant_id",
    "actor_id",
    "actor_label",
    "viewing_as",
    "via",
    "ip_address",
    "object_type",
    "object_id",
    "object_label",
    "details",
    "owner_tenant_id",
    "owner_details",
    "duration_ms",
)
"""The columns a seal covers, in its order. Never reorder or drop one: old seals would not match."""

_DEEPEST: Final = 20
_LARGEST_EXACT: Final = 2**53
_EPOCH: Final = datetime(2020, 1, 1, tzinfo=UTC)
_random = SystemRandom()


def content_of(values: Sequence[Any]) -> bytes:
    """The bytes that are sealed, from the values of the `SEALED` columns."""
    row = dict(zip(SEALED, values, strict=True))
    row["at"] = row["at"].astimezone(UTC).isoformat(timespec="microseconds")
    if row["ip_address"] is not None:
        row["ip_address"] = str(ipaddress.ip_address(row["ip_address"]))
    return json.dumps(row, sort_keys=True, separators=(",", ":")).encode()


def plain(value: Any, name: str = "", depth: int = 0) -> Any:
    """`value` as JSON that both databases give back unchanged, what looks secret masked."""
    if isinstance(value, Mapping):
        if depth >= _DEEPEST:
            return str(MASK)
        return {storable(str(key)): plain(held, str(key), depth + 1) for key, held in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(held, name, depth + 1) for held in value] if depth < _DEEPEST else str(MASK)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Secret) or (value != "" and looks_secret(name)):
        return MASK
    if isinstance(value, int) and abs(value) < _LARGEST_EXACT:
        return int(value)
    if isinstance(value, float) and abs(value) < _LARGEST_EXACT:  # neither infinite nor NaN
        return int(value) if value.is_integer() else round(value, 6)
    return storable(str(value))


class _Ids:
    """Ids that are known before the row is written, so that a stamp covers them.

    Microseconds since 2020, then 12 random bits; a process never gives one twice or a smaller one. Where
    the clock was set back, each is a random step above the last: other processes do the same.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def next(self, at: datetime) -> int:
        passed = at - _EPOCH
        microseconds = (passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds
        with self._lock:
            jump = 1 + _random.getrandbits(12)
            self._last = max(self._last + jump, microseconds << 12 | _random.getrandbits(12))
            return self._last


next_id = _Ids().next
