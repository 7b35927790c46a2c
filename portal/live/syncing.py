"""Asks for the syncs that events make necessary. Requests that are lost are made good by the regular ones."""

from collections.abc import Iterable
from typing import Any, Final

import structlog
from celery import current_app
from django.core.cache import cache
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

SETTLE_SECONDS: Final = 2
"""A sync that events ask for starts this much later; what is asked meanwhile is the same request."""

log = structlog.get_logger(__name__)


def queue_remedial_sync(server_id: int) -> None:
    """Close the gap before a stream opened, at once: Comet repeats nothing."""
    _queue("portal.jobs.tasks.remedial_sync", server_id)


def queue_settled_sync(server_id: int) -> None:
    """The same soon, once however often it is asked for: some lists have changed."""
    if _is_first(f"perihelion:sync:{server_id}"):
        _queue("portal.jobs.tasks.remedial_sync", server_id, countdown=SETTLE_SECONDS)


def queue_profile_syncs(server_id: int, usernames: Iterable[str]) -> None:
    """Read some User Profiles afresh."""
    for username in usernames:
        if _is_first(f"perihelion:sync:{server_id}:{username}"):
            _queue("portal.fleet.tasks.sync_profile", server_id, username, countdown=SETTLE_SECONDS)


def _is_first(key: str) -> bool:
    try:
        return bool(cache.add(key, 1, timeout=SETTLE_SECONDS))
    except (RedisError, OSError):
        return True


def _queue(task: str, *args: Any, countdown: float = 0) -> None:
    try:
        current_app.send_task(task, args=args, countdown=countdown or None, retry=False)
    except (OperationalError, RedisError, OSError) as exc:
        log.warning("sync.not_queued", task=task, server_id=args[0], error=str(exc))
