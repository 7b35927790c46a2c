"""Says which servers' running Jobs somebody looks at, so that only those are asked for progress."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

from redis.asyncio import Redis

from portal.core.tenant_sets import union
from portal.live.selectors import list_servers_with_running_jobs
from portal.live.topics import Audience, Topic

WATCH_KEY: Final = "perihelion:watch:{}"
"""With a server's id. Read by `jobs.tasks.poll_progress`."""

WATCH_SECONDS: Final = 15

_LISTS: Final = frozenset({Topic("overview"), Topic("jobs")})


async def keep_watch_keys(
    audiences: Iterable[Audience], redis: Redis, in_thread: Callable[..., Awaitable[Any]]
) -> None:
    """Set the keys of the servers whose running Jobs these audiences have open."""
    seen_by_lists, job_ids, device_ids = [], set(), set()
    for topics, sight in audiences:
        if not topics.isdisjoint(_LISTS):
            seen_by_lists.append(sight.tenants_with("job:view"))
        job_ids |= {topic.id for topic in topics if topic.kind == "job"}
        device_ids |= {topic.id for topic in topics if topic.kind == "device"}
    if not (seen_by_lists or job_ids or device_ids):
        return
    server_ids = await in_thread(list_servers_with_running_jobs, union(seen_by_lists), job_ids, device_ids)
    for server_id in server_ids:
        await redis.set(WATCH_KEY.format(server_id), 1, ex=WATCH_SECONDS)
