"""One event that came twice: by the stream and as a webhook, or as a webhook that was sent again.

Content alone does not tell: two equal events can both be real, since old servers send no time. So each
event of a stream is matched with one webhook at most, and each webhook with one event.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec
from django.db.models import QuerySet

from comet.stream import LARGE_CHARACTERS, StreamedEvent
from portal.core.wire import moment
from portal.live.models import Event, WebhookIntake
from portal.servers.models import CometServer

WINDOW: Final = timedelta(hours=24)
"""How long after the first the second of two may come."""


def digest_of(item: StreamedEvent) -> str:
    """SHA-256 of an event's content, whatever the order of its keys, and whether null is written out.

    Of a very long one it is that of the text, which takes no time to speak of.
    """
    if len(item.text) > LARGE_CHARACTERS:
        return hashlib.sha256(item.text.encode()).hexdigest()
    told = {name: value for name, value in msgspec.json.decode(item.text).items() if value is not None}
    return hashlib.sha256(msgspec.json.encode(told, order="deterministic")).hexdigest()


def posts(server: CometServer) -> bool:
    """Whether the server may post its events as well, so that they have to be matched."""
    return WebhookIntake.objects.filter(server=server, set_up_at__isnull=False).exists()


def of_webhooks(server: CometServer, digests: Iterable[str], now: datetime) -> dict[str, list[Event]]:
    """Events that came as webhooks and not by the stream yet, by digest, the oldest first."""
    found: dict[str, list[Event]] = defaultdict(list)
    rows = _recent(server, now).filter(digest__in=set(digests), connection=None)
    for row in rows.exclude(posted_at=None).order_by("pk"):
        found[row.digest].append(row)
    return found


def of_webhook(
    server: CometServer, item: StreamedEvent, digest: str, tracing_id: str, now: datetime
) -> Event | None:
    """The stored event that a webhook repeats; None where it is news.

    The same delivery again, or the first webhook of an event of the stream. Where the event states
    its time, equal content is the same event even under another tracing id.
    """
    told_at = moment(item.event.timestamp)
    since = min(now, told_at) if told_at else now  # what is told late, or again, is as old as it says
    rows: Sequence[Event] = list(_recent(server, since).filter(digest=digest).order_by("pk"))
    for row in rows:
        if row.tracing_id == tracing_id:
            return row
    for row in rows:
        if row.posted_at is None:
            return row
    return rows[0] if rows and item.event.timestamp else None


def _recent(server: CometServer, now: datetime) -> QuerySet[Event]:
    return Event.objects.filter(server=server, received_at__gt=now - WINDOW).defer("data")
