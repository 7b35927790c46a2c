"""The key of the audit, and what is made with it. It comes from the environment, never from the database."""

import hashlib
import hmac
from typing import Final

from django.conf import settings

from portal.core.environment import DEMO_KEY_PREFIX

SHORTEST: Final = 32
"""Characters of a key that is taken."""

NO_KEY: Final = (
    "The portal has no audit key, so entries are written but not sealed."
    " Set AUDIT_KEY and restart; see docs/operations.md."
)
DEMO_KEY: Final = (
    "AUDIT_KEY is the demo's, so entries are written but not sealed. Make a key of your own and restart."
)
SHORT_KEY: Final = (
    f"AUDIT_KEY is shorter than {SHORTEST} characters, so entries are written but not sealed."
    " Make a longer one and restart."
)


def audit_keys() -> list[bytes]:
    """The keys, the one in use first; none where `key_problem` names a problem."""
    return [] if key_problem() else [key.encode() for key in settings.AUDIT_KEYS]


def key_problem() -> str:
    """What is wrong with the keys as they are configured, in a sentence; '' for nothing."""
    keys = settings.AUDIT_KEYS
    if not keys:
        return (
            f"{settings.AUDIT_KEY_PROBLEM} Entries are not sealed." if settings.AUDIT_KEY_PROBLEM else NO_KEY
        )
    if settings.PRODUCTION and any(key.startswith(DEMO_KEY_PREFIX) for key in keys):
        return DEMO_KEY
    return SHORT_KEY if any(len(key) < SHORTEST for key in keys) else ""


def sign(key: bytes, purpose: str, *parts: str | int | bytes) -> str:
    """HMAC-SHA256 of the parts, in hexadecimal. No two purposes or lists of parts look alike."""
    mac = hmac.new(key, purpose.encode(), hashlib.sha256)
    for part in parts:
        data = part if isinstance(part, bytes) else str(part).encode()
        mac.update(b"%d:" % len(data) + data)
    return mac.hexdigest()


def signer_of(keys: list[bytes], signature: str, purpose: str, *parts: str | int | bytes) -> int | None:
    """Which of `keys` made `signature`; None for none of them."""
    for place, key in enumerate(keys):
        if hmac.compare_digest(sign(key, purpose, *parts), signature):
            return place
    return None
