"""The keys in ENCRYPTION_KEYS: told apart by an id that says nothing of the key itself."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings

from portal.core.environment import DEMO_KEY_PREFIX


class SecretUnreadable(Exception):
    """A secret can be neither read nor stored: ENCRYPTION_KEYS is missing, damaged, or lacks its key."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key. `id` is 12 hexadecimal digits of a digest of it."""

    id: str
    fernet: Fernet = field(repr=False)

    def opens(self, token: str) -> bool:
        try:
            self.fernet.decrypt(token.encode())
        except InvalidToken:
            return False
        return True


def current_keys() -> Sequence[Key]:
    """The configured keys, newest first.

    Raises:
        SecretUnreadable: there are none, or one of them is no Fernet key; says which by its place.
    """
    if not settings.ENCRYPTION_KEYS:
        why = settings.ENCRYPTION_KEYS_PROBLEM or "ENCRYPTION_KEYS is not set."
        raise SecretUnreadable(f"{why} No secret can be stored or read.")
    return _parsed(tuple(settings.ENCRYPTION_KEYS))


@lru_cache(maxsize=4)
def _parsed(texts: tuple[str, ...]) -> Sequence[Key]:
    return [_key(text, place, len(texts)) for place, text in enumerate(texts, 1)]


def _key(text: str, place: int, count: int) -> Key:
    bare = text.removeprefix(DEMO_KEY_PREFIX)
    try:
        fernet = Fernet(bare)
    except ValueError as problem:
        which = f"Key {place} of {count} in" if count > 1 else "What stands in"
        raise SecretUnreadable(
            f"{which} ENCRYPTION_KEYS is no Fernet key: 32 bytes in url-safe base64, 44 characters."
            f" It has {len(bare)} characters. No secret can be stored or read."
        ) from problem
    digest = hashlib.sha256(b"perihelion key id:" + bare.encode()).hexdigest()
    return Key(digest[:12], fernet)


def key_of(token: str, keys: Sequence[Key]) -> Key | None:
    """Which of `keys` sealed `token`; None where none of them did."""
    return next((key for key in keys if key.opens(token)), None)
