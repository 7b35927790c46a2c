"""What servers post: kept at once by one short write, and told to the mirror right after, in batches.

A server gets its answer as soon as its event is kept, whoever writes that server's rows meanwhile, be it
a full sync. The relays take in what is kept, within moments; where none runs, the sweep does.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from comet.constants import StreamableEventType as Type
from comet.stream import StreamedEvent, read_event
from comet.webhooks import Webhook
from portal.core.events import publish
from portal.core.prepared import Prepared
from portal.core.secrecy import storable
from portal.live import gaps, twins, webhooks
from portal.live.fences import Fenced
from portal.live.ingest import Outcome, Taken, ingest_posts
from portal.live.models import Event, PostedEvent, WebhookIntake
from portal.live.set_aside import told_in
from portal.live.stored import without_nul
from portal.live.twins import Post

POSTED: Final = "event.posted"
"""The fact that wakes the relays."""

BATCH: Final = 200

LEFT_ALONE: Final = timedelta(seconds=5)
"""What is kept for longer no relay has taken in: the sweep does."""

LOCK_SECONDS: Final = 10.0
"""So long a POST waits for PostgreSQL's locks; SQLite has a limit of its own in the settings."""

_IN_ORDER: Final = frozenset({Type.META_HELLO, Type.ACCOUNT_NEW, Type.ACCOUNT_UPDATED, Type.ACCOUNT_REMOVED})
"""Of these the last in a batch holds. Webhooks come in no order, so each is a batch of its own, of which
`order` tells whether something newer is known."""

_waiting = Prepared(lambda: _servers_of(PostedEvent.objects.all()))


def keep(intake: WebhookIntake, webhook: Webhook, received_at: datetime) -> None:
    """Store what one POST brought; it is safe when this returns.

    What is too long to be kept is applied at once.

    Raises:
        Fenced: the server is not linked any more.
        django.db.IntegrityError: nor does it have a row any more.
        django.db.OperationalError: the database did not take it; the server sends it again.
    """
    server = intake.server
    if server.unlinking_at is not None:
        raise Fenced(f"server {server.pk} was unlinked")
    item, tracing_id = without_nul(webhook.item), storable(webhook.tracing_id)[:128]
    digest = twins.digest_of(item)
    told = told_in(item.text)
    if told is None:
        _follow_up(server.pk, ingest_posts(server.pk, [Post(item, received_at, tracing_id, digest)]))
        webhooks.note_received(intake)
        return
    with transaction.atomic():
        _limit_waiting()
        PostedEvent.objects.create(
            server=server,
            received_at=received_at,
            tracing_id=tracing_id,
            digest=digest,
            told=msgspec.json.encode(told).decode(),
        )
        # What the portal posts to itself tells nothing of the server.
        if not tracing_id.startswith(webhooks.CHECK_MARK):
            webhooks.note_received(intake)
        publish(POSTED, tenant_id=server.tenant_id, server=server.pk)


def servers_waiting() -> list[int]:
    """The servers that posted what nobody has taken in yet."""
    return [server_id for (server_id,) in _waiting()]


def take_in(server_id: int) -> int:
    """Store and apply the oldest of what a server posted; gives how many that were, 0 where nothing is left.

    Safe to do in two processes at once, and to be killed in.

    Raises:
        django.db.OperationalError: the database did not take it; what is not stored stays kept.
    """
    rows = list(PostedEvent.objects.filter(server=server_id).order_by("pk")[:BATCH])
    posts = [Post(read_event(row.told), row.received_at, row.tracing_id, row.digest, row.pk) for row in rows]
    try:
        for batch in _batches(posts):
            _follow_up(server_id, ingest_posts(server_id, batch))
    except Taken:
        pass
    except Fenced:
        return 0
    return len(posts)


def take_in_left_alone() -> None:
    """Take in what no relay did."""
    kept_for_long = PostedEvent.objects.filter(received_at__lte=timezone.now() - LEFT_ALONE)
    for (server_id,) in list(_servers_of(kept_for_long)):
        while take_in(server_id):
            pass


def has_arrived(server_id: int, tracing_id: str) -> bool:
    """Whether a delivery was stored."""
    mine = {"server": server_id, "tracing_id": tracing_id}
    return PostedEvent.objects.filter(**mine).exists() or Event.objects.filter(**mine).exists()


def _servers_of(posted: QuerySet[PostedEvent]) -> QuerySet[PostedEvent, tuple[int]]:
    return posted.filter(server__unlinking_at=None).order_by("server").values_list("server").distinct()


def _batches(posts: Sequence[Post]) -> Iterator[list[Post]]:
    batch: list[Post] = []
    for post in posts:
        if isinstance(post.item, StreamedEvent) and post.item.event.type in _IN_ORDER:
            if batch:
                yield batch
            yield [post]
            batch = []
        else:
            batch.append(post)
    if batch:
        yield batch


def _follow_up(server_id: int, outcome: Outcome) -> None:
    if outcome.wants_sync:
        gaps.note_gap(server_id, timezone.now(), settle=True)
    elif outcome.usernames:
        gaps.queue_profile_reads(server_id, outcome.usernames)


def _limit_waiting() -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = {int(LOCK_SECONDS * 1000)}")
