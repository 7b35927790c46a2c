"""How often the API may be asked: per token, per address, and per address with what is refused.

Counted in Redis by the minute. While Redis is away nothing is counted and the API goes on answering:
a token has 256 random bits, so that the limits protect the portal's speed, not its doors.
"""

import time
from functools import lru_cache
from typing import Final

import redis
import structlog
from django.conf import settings

WINDOW: Final = 60
"""Seconds."""

log = structlog.get_logger(__name__)


class TooMany(Exception):
    """There were too many requests within the minute; `retry_after` seconds are left of it."""

    def __init__(self, whose: str, limit: int, retry_after: int) -> None:
        super().__init__(f"More than {limit} requests within a minute {whose}.")
        self.retry_after = retry_after


@lru_cache(maxsize=1)
def _redis() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=0.5, socket_connect_timeout=0.5)


def count_request(network: str, token_digest: str) -> None:
    """Count one request of a token ("" where none was shown) from an address. One round trip.

    Raises:
        TooMany: the token, or the address, has had its share of this minute.
    """
    window, left = _window()
    refused, address, token = (_key(kind, who, window) for kind, who in _kinds(network, token_digest))
    try:
        pipeline = _redis().pipeline(transaction=False)
        pipeline.get(refused)
        for key in (address, token):
            pipeline.incr(key)
            pipeline.expire(key, 2 * WINDOW)
        times_refused, from_address, _, by_token, _ = pipeline.execute()
    except redis.RedisError as exc:
        log.warning("api.not_limited", error=str(exc))
        return
    if int(times_refused or 0) >= settings.API_REFUSALS_A_MINUTE:
        raise TooMany("from this address were refused", settings.API_REFUSALS_A_MINUTE, left)
    if from_address > settings.API_REQUESTS_A_MINUTE_BY_ADDRESS:
        raise TooMany("came from this address", settings.API_REQUESTS_A_MINUTE_BY_ADDRESS, left)
    if token_digest and by_token > settings.API_REQUESTS_A_MINUTE:
        raise TooMany("came with this token", settings.API_REQUESTS_A_MINUTE, left)


def count_refusal(network: str) -> None:
    """Count one request from an address whose token let nobody in."""
    window, _ = _window()
    key = _key("refused", network, window)
    try:
        pipeline = _redis().pipeline(transaction=False)
        pipeline.incr(key)
        pipeline.expire(key, 2 * WINDOW)
        pipeline.execute()
    except redis.RedisError as exc:
        log.warning("api.not_limited", error=str(exc))


def _window() -> tuple[int, int]:
    """The number of this minute, and how many seconds are left of it."""
    now = int(time.time())
    return now // WINDOW, WINDOW - now % WINDOW


def _kinds(network: str, token_digest: str) -> tuple[tuple[str, str], ...]:
    return ("refused", network), ("address", network), ("token", token_digest)


def _key(kind: str, who: str, window: int) -> str:
    return f"perihelion:api:{kind}:{who}:{window}"
