"""How what a stream tells is gathered, before it is stored."""

import asyncio

import pytest

from portal.live.server_stream import BATCH_EVENTS, BATCH_SECONDS, batch_seconds_after, next_batch
from tests.portal.live.events import arrival


@pytest.mark.parametrize(
    ("events", "seconds", "is_longer"),
    [(1, BATCH_SECONDS, False), (8, BATCH_SECONDS, True), (60, 0.25, True), (3, 0.25, False)],
)
def test_only_a_busy_stream_is_gathered_for_longer(events, seconds, is_longer):
    assert (batch_seconds_after(events, seconds) > BATCH_SECONDS) is is_longer
    assert batch_seconds_after(events, seconds) <= 0.25, "its pages would wait too long"


def test_what_waits_comes_in_order_and_whole_and_a_full_batch_waits_for_nothing():
    async def gather() -> list[tuple[list[int], bool]]:
        arrivals: asyncio.Queue = asyncio.Queue()
        for position in range(BATCH_EVENTS + 3):
            arrivals.put_nowait(arrival(position, 4103))
        arrivals.put_nowait(None)
        gathered = []
        async with asyncio.timeout(5):
            for seconds in (60, 0):
                batch, is_last = await next_batch(arrivals, seconds)
                gathered.append(([one.position for one in batch], is_last))
        return gathered

    assert asyncio.run(gather()) == [
        (list(range(BATCH_EVENTS)), False),
        ([BATCH_EVENTS, BATCH_EVENTS + 1, BATCH_EVENTS + 2], True),
    ]


def test_an_end_without_events_is_told_at_once():
    async def gather() -> tuple[list, bool]:
        arrivals: asyncio.Queue = asyncio.Queue()
        arrivals.put_nowait(None)
        async with asyncio.timeout(5):
            return await next_batch(arrivals, 60)

    assert asyncio.run(gather()) == ([], True)
