"""The passing of time ends when it is told to."""

import asyncio

import pytest

from comet.emulator.build import build
from comet.emulator.live import Life
from comet.emulator.options import Options


@pytest.mark.parametrize("turns", range(6))
async def test_it_ends_though_time_was_just_moved(turns):
    """A restart closes the ports and waits for this; a lost cancel would leave them closed for good."""
    life = Life(build(Options(users=1, days=1)))
    passing = asyncio.create_task(life.run())
    for _ in range(20):
        await asyncio.sleep(0)
    await life.advance(0)
    for _ in range(turns):
        await asyncio.sleep(0)
    passing.cancel()

    done, _ = await asyncio.wait({passing}, timeout=5)

    assert done
    assert passing.cancelled()
