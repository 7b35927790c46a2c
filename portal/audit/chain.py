"""Puts entries into the chain: each is numbered and sealed together with the seal before it.

An entry is in its table as soon as its writer's transaction is. Right after, and again by a sweep
for what a killed process left, `chain` takes the head's lock in a short transaction of its own and
seals whatever waits. An entry whose stamp the audit key did not make is not taken in: somebody
wrote it past the portal.
"""

from typing import Any, Final

import structlog
from django.db import DatabaseError, connection, transaction

from portal.audit.content import SEALED, content_of
from portal.audit.keys import audit_keys, sign, signer_of
from portal.audit.models import Entry, Head

BEFORE_THE_FIRST: Final = "0" * 64
BATCH: Final = 200
"""Entries sealed in one transaction."""

log = structlog.get_logger(__name__)


def chain_on_commit() -> None:
    """Seal what was just written once it is committed; what goes wrong then is left to the sweep."""
    transaction.on_commit(_chain_quietly)


def _chain_quietly() -> None:
    try:
        chain()
    except DatabaseError as error:
        log.warning("audit.not_chained", error=str(error))


def chain() -> int:
    """Seal every entry that waits and may be taken in; tells how many were."""
    keys = audit_keys()
    if not keys:
        return 0
    sealed, after, more = 0, 0, _anything_waits()
    while more:
        with transaction.atomic():
            if connection.vendor == "postgresql":
                with connection.cursor() as cursor:
                    cursor.execute("SET LOCAL lock_timeout = '2s'")
            head = _locked_head()
            if not _opened(head, keys):
                log.error("audit.head_does_not_fit", number=head.number)
                return sealed
            rows = _waiting(after)
            sealed += _seal(head, rows, keys)
        after, more = rows[-1][0] if rows else after, len(rows) == BATCH
    return sealed


def adopt() -> int:
    """Take in what was written without a key so far; tells how many entries were sealed."""
    keys = audit_keys()
    with transaction.atomic():
        head = _locked_head()
        if not keys or not _opened(head, keys):
            return 0
        head.adopts_below = _last_without_stamp()
        _save(head, keys[0])
    return chain()


def stamp_of(entry: Entry, key: bytes) -> str:
    return sign(key, "stamp", content_of([getattr(entry, name) for name in SEALED]))


def mac_of(key: bytes, *, before: str, number: int, stamp: str, content: bytes) -> str:
    return sign(key, "entry", before, number, stamp, content)


def head_fits(head: Head, keys: list[bytes]) -> bool:
    """Whether the head is as the portal left it; one without entries fits any key."""
    if not head.seal:
        return head.number == 0
    return signer_of(keys, head.seal, "head", head.number, head.mac, head.adopts_below) is not None


def get_head() -> Head:
    return Head.objects.filter(pk=1).first() or Head(pk=1)


def _locked_head() -> Head:
    head = Head.objects.select_for_update().filter(pk=1).first()
    if head is None:
        Head.objects.get_or_create(pk=1)
        head = Head.objects.select_for_update().get(pk=1)
    return head


def _opened(head: Head, keys: list[bytes]) -> bool:
    """Whether entries may be added to it. The first time, what was written without a key may come in."""
    if not head.seal and head.number == 0:
        head.mac = BEFORE_THE_FIRST
        head.adopts_below = _last_without_stamp()
        log.warning("audit.chain_begins")
        return True
    return head_fits(head, keys)


def _last_without_stamp() -> int:
    waiting = Entry.objects.filter(number__isnull=True, stamp="").order_by("-pk")
    return waiting.values_list("pk", flat=True).first() or 0


def _anything_waits() -> bool:
    """Said without a lock, and for the price of a look into an index."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM audit_entry WHERE number IS NULL LIMIT 1")
        return cursor.fetchone() is not None


def _waiting(after: int) -> list[tuple[Any, ...]]:
    waiting = Entry.objects.filter(number__isnull=True, pk__gt=after).order_by("pk")
    return list(waiting.values_list(*SEALED, "stamp")[:BATCH])


def _seal(head: Head, rows: list[tuple[Any, ...]], keys: list[bytes]) -> int:
    places = []
    for *values, stamp in rows:
        content = content_of(values)
        if not _may_enter(values[0], stamp, content, head, keys):
            continue
        head.number += 1
        head.mac = mac_of(keys[0], before=head.mac, number=head.number, stamp=stamp, content=content)
        places.append((head.number, head.mac, values[0]))
    if rows and (len(rows) < BATCH or rows[-1][0] >= head.adopts_below):
        head.adopts_below = 0  # all of them are in: none that comes now was written without a key
    if places:
        with connection.cursor() as cursor:
            cursor.executemany(
                "UPDATE audit_entry SET number = %s, mac = %s WHERE id = %s AND number IS NULL", places
            )
        _save(head, keys[0])
    return len(places)


def _may_enter(pk: int, stamp: str, content: bytes, head: Head, keys: list[bytes]) -> bool:
    if not stamp:
        return pk <= head.adopts_below
    return signer_of(keys, stamp, "stamp", content) is not None


def _save(head: Head, key: bytes) -> None:
    head.seal = sign(key, "head", head.number, head.mac, head.adopts_below)
    head.save()
