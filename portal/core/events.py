"""Facts: what changed, published on Redis once the transaction that changed it is committed.

A fact names rows by id and the Tenant that owns them; it holds no HTML and no values. `portal.live`
alone turns facts into what a browser shows. A fact lost with Redis loses nothing: pages re-ask.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

import msgspec
import redis
import structlog
from django.conf import settings
from django.db import transaction

FACTS_CHANNEL: Final = f"perihelion:facts:{urlsplit(settings.REDIS_URL).path.strip('/') or 0}"
"""Named after the Redis database, which alone does not keep two portals' messages apart."""

log = structlog.get_logger(__name__)


class Fact(msgspec.Struct, frozen=True):
    """One thing that changed, such as `job.changed` with the Job's and its Device's ids."""

    name: str
    tenant_id: int | None
    """None for what belongs to no Tenant, such as the portal's own processes."""
    ids: dict[str, int] = {}


@lru_cache(maxsize=1)
def redis_connection() -> redis.Redis:
    """This process's connections to Redis, for what may fail: calls give up within two seconds."""
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=1)


def publish(name: str, *, tenant_id: int | None, **ids: int) -> None:
    """Send one fact on commit, or at once outside a transaction."""
    publish_all([Fact(name, tenant_id, ids)])


def publish_all(facts: Iterable[Fact]) -> None:
    """Send facts on commit as one message; an unreachable Redis is logged, never raised."""
    batch = list(facts)
    if batch:
        transaction.on_commit(lambda: _send(batch))


def _send(batch: list[Fact]) -> None:
    try:
        redis_connection().publish(FACTS_CHANNEL, msgspec.json.encode(batch))
    except redis.RedisError as exc:
        log.warning("facts.not_sent", count=len(batch), error=str(exc))


def decode_facts(message: bytes) -> list[Fact]:
    return msgspec.json.decode(message, type=list[Fact])
