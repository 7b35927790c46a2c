"""Locks for work that two processes should not do at once, though nothing breaks if they do."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import redis
import structlog
from django.core.cache import caches

LEASE_SECONDS: Final = 30
"""How long the lock of a process that died stays."""

RENEW_SECONDS: Final = 10.0

log = structlog.get_logger(__name__)


@contextmanager
def held_while_alive(key: str) -> Iterator[bool]:
    """Hold `key` inside the context; gives False where another holds it.

    A thread renews it, so that it lasts as long as the work and no longer than its process. It is
    kept in Redis and gone when that is emptied: only for work that is safe to do twice.
    """
    if not caches["redis"].add(key, 1, timeout=LEASE_SECONDS):
        yield False
        return
    ended = threading.Event()
    renewing = threading.Thread(target=_renew, args=(key, ended), name=f"lock {key}", daemon=True)
    renewing.start()
    try:
        yield True
    finally:
        ended.set()
        renewing.join()
        caches["redis"].delete(key)


def _renew(key: str, ended: threading.Event) -> None:
    while not ended.wait(RENEW_SECONDS):
        try:
            caches["redis"].touch(key, LEASE_SECONDS)
        except redis.RedisError as error:
            log.warning("lock.not_renewed", lock=key, error=str(error))
