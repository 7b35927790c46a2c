"""Sealing every stored secret with the newest key, a few rows at a time.

What is left to do is told by the rows themselves, so that a run that was killed is simply run again. A
row is written only as it was read: whoever changes a secret meanwhile wins.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.fernet import MultiFernet
from django.db import models, transaction

from portal.core.encryption import Secret
from portal.core.keys import Key, current_keys, key_of
from portal.core.pacing import Pacer
from portal.core.sealed import Place, list_places, list_tokens, tokens_in, with_tokens

BATCH: Final = 100
"""Rows of one transaction."""

PASSES: Final = 3
"""How often all is gone through: a process that runs with older keys may have sealed something meanwhile."""


@dataclass(slots=True)
class Census:
    """How many sealed values there are, by the key that sealed them."""

    by_key: Counter[str] = field(default_factory=Counter)
    unreadable: list[tuple[Place, Any]] = field(default_factory=list)
    """Where a value lies that no configured key opens: column and pk."""

    def older(self, newest: Key) -> int:
        """How many are readable, and not sealed with the newest key."""
        return self.by_key.total() - self.by_key[newest.id]


def census() -> Census:
    """Count all sealed values.

    Raises:
        SecretUnreadable: the keys are missing or damaged.
    """
    keys, found = current_keys(), Census()
    for place, pk, token in list_tokens():
        key = key_of(token, keys)
        if key is None:
            found.unreadable.append((place, pk))
        else:
            found.by_key[key.id] += 1
    return found


def rotate(progress: Callable[[Place, int], None]) -> Census:
    """Seal with the newest key what older ones sealed; gives the count of all that is there afterwards.

    `progress` hears, after each transaction, how many rows of a column were sealed anew so far. What no
    configured key opens stays as it is.

    Raises:
        SecretUnreadable: the keys are missing or damaged.
    """
    keys = current_keys()
    for _ in range(PASSES):
        for place in list_places():
            _rotate_place(place, keys, progress)
        left = census()
        if not left.older(keys[0]):
            break
    return left


def _rotate_place(place: Place, keys: Sequence[Key], progress: Callable[[Place, int], None]) -> None:
    pacer, after, done = Pacer(), None, 0
    while rows := place.rows(after=after, size=BATCH):
        after = rows[-1][0]
        old = [(pk, held) for pk, held in rows if _is_old(held, keys)]
        if not old:
            continue
        with pacer, transaction.atomic():
            done += sum(reseal(place, pk, held) for pk, held in old)
        progress(place, done)
    pacer.rest()


def _is_old(held: Any, keys: Sequence[Key]) -> bool:
    return any(key_of(token, keys) not in (keys[0], None) for token in tokens_in(held))


def reseal(place: Place, pk: Any, held: Any) -> bool:
    """Seal one column of one row anew, if it still holds what was read; False where it does not."""
    row: models.QuerySet[Any] = place.model._base_manager.filter(pk=pk)
    if place.is_json:  # the lock stands for the comparison, which JSON does not have everywhere
        held = row.select_for_update().values_list(place.field, flat=True).first()
        return bool(row.update(**{place.field: with_tokens(held, _sealed_anew)}))
    return bool(row.filter(**{place.field: held}).update(**{place.field: Secret(_sealed_anew(held.token))}))


def _sealed_anew(token: str) -> str:
    keys = current_keys()
    opener = key_of(token, keys)
    if opener is None or opener is keys[0]:
        return token
    return MultiFernet([keys[0].fernet, opener.fernet]).rotate(token.encode()).decode()
