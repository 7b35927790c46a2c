"""Events that could not be read or applied: kept with the reason, until replayed, dismissed or too old."""

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import msgspec
from django.conf import settings
from django.utils import timezone

from portal.live.models import SetAside
from portal.live.secrets import without_secrets
from portal.live.stored import MAX_STORED_BYTES
from portal.servers.models import CometServer

MOST_PER_SERVER: Final = 1_000
"""Of each server the newest are kept: one that sends nothing else must not fill the database."""

QUIET: Final = timedelta(minutes=5)
"""A server whose events are set aside is read afresh at most this often on their account."""


class Poison(NamedTuple):
    """A stored event that changed nothing, by its id: whose, since when, why, and the text it came as."""

    event_id: int
    server_id: int
    received_at: datetime
    reason: str
    text: str


def keep(poisons: Iterable[Poison]) -> None:
    """Set events aside, within the transaction that stores them."""
    SetAside.objects.bulk_create(
        SetAside(
            event_id=event_id,
            server_id=server_id,
            set_aside_at=received_at,
            reason=reason,
            told=told_in(text),
        )
        for event_id, server_id, received_at, reason, text in poisons
    )


def told_in(text: str) -> dict[str, Any] | None:
    """What may be kept of a frame: an object without secrets. What else holds, nobody knows."""
    if len(text) > MAX_STORED_BYTES:
        return None
    try:
        told = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None
    return without_secrets(told) if isinstance(told, dict) else None


def wants_sync(server: CometServer) -> bool:
    """Whether to read the server afresh, since one of its events said something that nobody understood."""
    recent = SetAside.objects.filter(server=server, set_aside_at__gt=timezone.now() - QUIET)
    return not recent.exists()


def text_of(kept: SetAside) -> str:
    """The frame again, as far as it was kept."""
    return json.dumps(kept.told)


def trim() -> int:
    """Drop what was kept for long, and of each server all but the newest; gives how many."""
    before = timezone.now() - timedelta(days=settings.SET_ASIDE_DAYS)
    dropped = SetAside.objects.filter(set_aside_at__lt=before).delete()[0]
    for server_id in SetAside.objects.order_by().values_list("server", flat=True).distinct():
        mine = SetAside.objects.filter(server=server_id).order_by("-pk")
        oldest_kept = mine.values_list("pk", flat=True)[MOST_PER_SERVER - 1 : MOST_PER_SERVER].first()
        if oldest_kept is not None:
            dropped += mine.filter(pk__lt=oldest_kept).delete()[0]
    return dropped
