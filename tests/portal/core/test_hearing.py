"""Facts are heard until Redis is lost, also where it says nothing of that."""

import asyncio
from contextlib import suppress
from urllib.parse import urlsplit

import pytest
import redis

from portal.core import hearing
from portal.core.events import FACTS_CHANNEL
from portal.core.hearing import hear_facts
from tests.environment.bad_line import BadLine
from tests.waiting import wait_for


@pytest.fixture
def heard(monkeypatch):
    """What is heard, while Redis is asked for a sign of life five times a second."""
    monkeypatch.setattr(hearing, "SILENCE_SECONDS", 0.2)
    return []


async def begin(heard):
    begun = asyncio.Event()
    task = asyncio.create_task(hear_facts(heard.append, begun.set))
    await asyncio.wait_for(begun.wait(), 10)
    return task


async def until(condition):
    await asyncio.to_thread(wait_for, condition)


async def test_a_redis_that_vanishes_without_a_word_is_given_up(heard, settings, redis_client):
    port = urlsplit(settings.REDIS_URL).port
    with BadLine(port) as line:
        settings.REDIS_URL = settings.REDIS_URL.replace(f":{port}", f":{line.port}")
        task = await begin(heard)
        redis_client.publish(FACTS_CHANNEL, b"first")
        await until(lambda: heard == [b"first"])
        line.freeze()

        with pytest.raises(redis.ConnectionError, match="no sign of life"):
            await asyncio.wait_for(task, 10)


async def test_a_redis_that_has_nothing_to_say_is_not(heard, redis_client):
    def pings():
        return redis_client.info("commandstats").get("cmdstat_ping", {}).get("calls", 0)

    before, task = pings(), await begin(heard)
    await until(lambda: pings() >= before + 3)
    redis_client.publish(FACTS_CHANNEL, b"after a long time")
    await until(lambda: heard)

    assert heard == [b"after a long time"]
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
