"""Numbers that look random and are not: the same name always draws the same numbers.

Everything the emulator invents (people, devices, jobs) is drawn by a name made of the seed and the thing's
own place, so that it can be derived again at any time, in any order, without being stored.
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, TypeVar

T = TypeVar("T")
_DIGEST_BYTES = 64


class Draw:
    """A stream of numbers that belongs to one name. Cheap enough to make one for every job."""

    __slots__ = ("_at", "_name", "_pool", "_round")

    def __init__(self, *name: object) -> None:
        self._name = "\x1f".join(map(str, name)).encode()
        self._round = 0
        self._pool = blake2b(self._name, digest_size=_DIGEST_BYTES).digest()
        self._at = 0

    def octets(self, count: int) -> bytes:
        """The next `count` bytes (at most 64)."""
        if self._at + count > _DIGEST_BYTES:
            self._round += 1
            salt = self._round.to_bytes(8, "big")
            self._pool = blake2b(self._name, digest_size=_DIGEST_BYTES, salt=salt).digest()
            self._at = 0
        piece = self._pool[self._at : self._at + count]
        self._at += count
        return piece

    def unit(self) -> float:
        """A float from 0 to just under 1."""
        return int.from_bytes(self.octets(4), "big") / 4294967296

    def between(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        return low + int.from_bytes(self.octets(6), "big") % (high - low + 1)

    def chance(self, probability: float) -> bool:
        """True in `probability` of the cases."""
        return self.unit() < probability

    def pick(self, choices: Sequence[T]) -> T:
        """One of `choices`, each as likely as the next."""
        return choices[self.between(0, len(choices) - 1)]

    def weighted(self, choices: Sequence[tuple[T, float]]) -> T:
        """One of (choice, weight) pairs, by weight."""
        at = self.unit() * sum(weight for _, weight in choices)
        for choice, weight in choices:
            at -= weight
            if at < 0:
                return choice
        return choices[-1][0]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """The items in an order of this name's own."""
        keyed: list[tuple[bytes, int, Any]] = [(self.octets(6), i, item) for i, item in enumerate(items)]
        return [item for _, _, item in sorted(keyed, key=lambda entry: entry[:2])]

    def hex(self, digits: int) -> str:
        """`digits` hexadecimal digits."""
        text = ""
        while len(text) < digits:
            text += self.octets(16).hex()
        return text[:digits]

    def guid(self) -> str:
        """A GUID in the form of a version 4 UUID."""
        return guid_of(self.octets(16).hex())


def guid_of(digits: str) -> str:
    """32 hexadecimal digits written as a version 4 UUID."""
    variant = "89ab"[int(digits[16], 16) % 4]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"
