"""Hears every fact as it is published."""

from collections.abc import Callable
from typing import Final

import redis.asyncio
from django.conf import settings

from portal.core.events import FACTS_CHANNEL

SILENCE_SECONDS: Final = 10.0
"""After so much of it Redis is asked for a sign of life, and given up after as much again. A machine that
is gone closes no connection, and a process that hangs says nothing."""


async def hear_facts(hear: Callable[[bytes], None], begun: Callable[[], None] = lambda: None) -> None:
    """Give each message to `hear` (see `decode_facts`), from when `begun` is called.

    Raises:
        RedisError, OSError: Redis is lost; what is published until this is called again is not heard.
    """
    connected = redis.asyncio.Redis.from_url(
        settings.REDIS_URL, socket_timeout=SILENCE_SECONDS, socket_connect_timeout=SILENCE_SECONDS
    )
    async with connected as connection, connection.pubsub() as channel:
        await channel.subscribe(FACTS_CHANNEL)
        is_asked = False
        while True:
            message = await channel.get_message(timeout=SILENCE_SECONDS)
            if message is not None:
                is_asked = False
                if message["type"] == "subscribe":
                    begun()
                elif message["type"] == "message":
                    hear(message["data"])
            elif is_asked:
                raise redis.ConnectionError("gave no sign of life")
            else:
                await channel.ping()
                is_asked = True
