"""One event that came twice: by the stream and as a webhook, or as a webhook that was sent again.

Content alone does not tell: two equal events can both be real, since old servers send no time. So each
event of a stream is matched with one webhook at most, and each webhook with one event.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import msgspec
from django.db.models import QuerySet
from django.utils import timezone

from comet.stream import LARGE_CHARACTERS, BadFrame, StreamedEvent
from portal.core.prepared import Prepared
from portal.core.wire import moment
from portal.live.models import Event, WebhookIntake
from portal.servers.models import CometServer

WINDOW: Final = timedelta(hours=24)
"""How long after the first the second of two may come."""


_intakes = Prepared(
    lambda server: WebhookIntake.objects.filter(server=server).values_list("set_up_at", "last_received_at")
)


@dataclass(frozen=True, slots=True)
class Post:
    """One event that came by POST. `kept_as` is the id of its PostedEvent, if it was kept first."""

    item: StreamedEvent | BadFrame
    received_at: datetime
    tracing_id: str
    digest: str
    kept_as: int | None = None


def digest_of(item: StreamedEvent) -> str:
    """SHA-256 of an event's content, whatever the order of its keys, and whether null is written out.

    Of a very long one it is that of the text, which takes no time to speak of.
    """
    if len(item.text) > LARGE_CHARACTERS:
        return hashlib.sha256(item.text.encode()).hexdigest()
    told = {name: value for name, value in msgspec.json.decode(item.text).items() if value is not None}
    return hashlib.sha256(msgspec.json.encode(told, order="deterministic")).hexdigest()


def posts(server: CometServer) -> bool:
    """Whether the server may post its events as well, so that they have to be matched.

    It does where it was told to, and where it did so lately: that telling it failed may be an error, and
    what it has queued comes after it was told to stop.
    """
    since = timezone.now() - WINDOW
    return any(
        set_up_at is not None or (last_received_at is not None and last_received_at > since)
        for set_up_at, last_received_at in _intakes(server.pk)
    )


def of_webhooks(server: CometServer, digests: Iterable[str], now: datetime) -> dict[str, list[Event]]:
    """Events that came as webhooks and not by the stream yet, by digest, the oldest first."""
    found: dict[str, list[Event]] = defaultdict(list)
    rows = _recent(server, now).filter(digest__in=set(digests), connection=None)
    for row in rows.exclude(posted_at=None).order_by("pk"):
        found[row.digest].append(row)
    return found


class Known:
    """The stored events that webhooks of one batch may repeat, and those of the batch that were news."""

    def __init__(self, server: CometServer, posts: Sequence[Post]) -> None:
        self._server = server
        self._rows: dict[str, list[Event]] = defaultdict(list)
        rows = _recent(server, min(map(_told_at, posts))).filter(digest__in={post.digest for post in posts})
        for row in rows.order_by("pk"):
            self._rows[row.digest].append(row)

    def event_of(self, post: Post) -> Event | None:
        """The event that a webhook repeats; without an id where it stands in the same batch. None is news.

        The same delivery again, or the first webhook of an event of the stream. Where the event states
        its time, equal content is the same event even under another tracing id.
        """
        since = _told_at(post) - WINDOW
        rows = [row for row in self._rows[post.digest] if row.received_at > since]
        for row in rows:
            if row.tracing_id == post.tracing_id:
                return row
        for row in rows:
            if row.posted_at is None:
                return row
        return rows[0] if rows and _states_time(post) else None

    def add(self, post: Post) -> None:
        """Note that a webhook was news: the next of its batch may repeat it."""
        at = post.received_at
        row = Event(server=self._server, received_at=at, posted_at=at, tracing_id=post.tracing_id)
        self._rows[post.digest].append(row)


def _told_at(post: Post) -> datetime:
    """What is told late, or again, is as old as it says."""
    told_at = moment(post.item.event.timestamp) if isinstance(post.item, StreamedEvent) else None
    return min(post.received_at, told_at) if told_at else post.received_at


def _states_time(post: Post) -> bool:
    return isinstance(post.item, StreamedEvent) and bool(post.item.event.timestamp)


def _recent(server: CometServer, now: datetime) -> QuerySet[Event]:
    return Event.objects.filter(server=server, received_at__gt=now - WINDOW).defer("data")
