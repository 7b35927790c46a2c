"""Whether ENCRYPTION_KEYS holds the keys that sealed this installation's secrets.

Each key that seals here leaves a check value in the database: a constant, sealed. A key that opens
none of them is the wrong one; then nothing is sealed, so that nothing is lost with it.
"""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import structlog
from django.conf import settings
from django.db import DatabaseError, connection

from portal.core.keys import Key, SecretUnreadable, current_keys, key_of
from portal.core.models import SealingKey
from portal.core.sealed import list_tokens

CHECK_TEXT: Final = "the keys of this installation"
LOOK_AGAIN_SECONDS: Final = 10.0

log = structlog.get_logger(__name__)


class State(StrEnum):
    READY = "ready"
    MISSING = "missing"
    MALFORMED = "malformed"
    WRONG = "wrong"
    INCOMPLETE = "incomplete"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class KeyState:
    """`problem` says what is wrong and `advice` what to do; both are empty where nothing is."""

    state: State
    problem: str = ""
    advice: str = ""

    @property
    def is_ready(self) -> bool:
        return self.state == State.READY

    @property
    def may_seal(self) -> bool:
        return self.state in (State.READY, State.INCOMPLETE)


_READY: Final = KeyState(State.READY)
_SET_IT: Final = (
    "Set ENCRYPTION_KEYS, or ENCRYPTION_KEYS_FILE, to the keys that were there before, and restart every"
    " process. Nothing was changed."
)
_WRONG: Final = KeyState(
    State.WRONG,
    "The key in ENCRYPTION_KEYS is not the one that sealed this installation's secrets.",
    "Put the key back that was there before and restart every process. Nothing was changed. If that key is"
    " lost for good, run manage.py secrets accept-loss and type the credentials again.",
)
_INCOMPLETE: Final = KeyState(
    State.INCOMPLETE,
    "ENCRYPTION_KEYS lacks a key that sealed some of this installation's secrets.",
    "Put it back behind the newest key, restart every process, and run manage.py secrets rotate before you"
    " take it out again.",
)
_UNKNOWN: Final = KeyState(State.UNKNOWN)

_right: set[tuple[str, ...]] = set()
_last: tuple[float, tuple[str, ...], KeyState] | None = None


def take_for_right(keys: Sequence[str]) -> None:
    """Take these keys for the right ones in this process, from now on without asking the database."""
    _right.add(tuple(keys))


def key_state(*, look_again: bool = False) -> KeyState:
    """What is known of the keys; the database is asked every 10 s at most.

    Right keys stay right while a process lives, unless `look_again`. Raises nothing: a database that does
    not answer gives UNKNOWN.
    """
    keys = tuple(settings.ENCRYPTION_KEYS)
    if keys in _right and not look_again:
        return _READY
    if _last is not None and _last[1] == keys and time.monotonic() - _last[0] < LOOK_AGAIN_SECONDS:
        return _last[2]
    return look()


def look() -> KeyState:
    """Compare the keys with the check values now. The newest key, if it is new here, leaves its own.

    Raises nothing: a database that does not answer gives UNKNOWN.
    """
    global _last
    keys = tuple(settings.ENCRYPTION_KEYS)
    try:
        state = _compare()
    except DatabaseError:
        return _UNKNOWN
    _right.discard(keys)
    if state.is_ready:
        _right.add(keys)
    _last = (time.monotonic(), keys, state)
    return state


def require_right_keys() -> None:
    """Refuse to seal anything with keys that are not this installation's.

    Raises:
        SecretUnreadable: says what is wrong with the keys.
    """
    if tuple(settings.ENCRYPTION_KEYS) in _right:
        return
    state = _compare()
    if not state.may_seal:
        raise SecretUnreadable(f"{state.problem} {state.advice}")
    if state.is_ready:
        take_for_right(settings.ENCRYPTION_KEYS)


def announce() -> None:
    """Log what is wrong with the keys; called where a process starts."""
    state = key_state()
    if state.problem:
        log.error("secrets.keys", state=state.state.value, problem=state.problem, advice=state.advice)


def announce_in_background() -> None:
    """`announce` where an event loop runs already; the start does not wait for the database."""

    def work() -> None:
        announce()
        connection.close()

    threading.Thread(target=work, name="announce-keys", daemon=True).start()


def accept_loss() -> int:
    """Go on with the configured keys; the check values of others are forgotten, gives how many.

    What they sealed stays in the database, to be opened should they turn up again.

    Raises:
        SecretUnreadable: there is no usable key to go on with.
    """
    keys = current_keys()
    _record(keys[:1])
    forgotten, _ = SealingKey.objects.exclude(key_id__in=[key.id for key in keys]).delete()
    look()
    return forgotten


def _compare() -> KeyState:
    try:
        keys = current_keys()
    except SecretUnreadable as problem:
        state = State.MALFORMED if settings.ENCRYPTION_KEYS else State.MISSING
        return KeyState(state, str(problem), _SET_IT)
    known = dict(SealingKey.objects.values_list("key_id", "check_value"))
    if not known:
        return _compare_with_secrets(keys)
    right = [key for key in keys if key.id in known and key.opens(known[key.id])]
    if not right:
        return _WRONG
    if keys[0] not in right:
        _record(keys[:1])
    missing = set(known) - {key.id for key in keys}
    if missing and any(key_of(token, keys) is None for _, _, token in list_tokens()):
        return _INCOMPLETE
    newest = SealingKey.objects.get(key_id=keys[0].id)  # older ones were rotated out: nothing needs them
    SealingKey.objects.filter(key_id__in=missing, first_used_at__lt=newest.first_used_at).delete()
    return _READY


def _compare_with_secrets(keys: Sequence[Key]) -> KeyState:
    """No key has left a check value yet: tell by the secrets that are there."""
    openers = [key_of(token, keys) for _, _, token in list_tokens()]
    used = {opener for opener in openers if opener is not None}
    if openers and not used:
        return _WRONG
    _record([key for key in keys if key is keys[0] or key in used])
    return _READY


def _record(keys: Sequence[Key]) -> None:
    for key in keys:
        sealed = key.fernet.encrypt(CHECK_TEXT.encode()).decode()
        SealingKey.objects.update_or_create(key_id=key.id, defaults={"check_value": sealed})
