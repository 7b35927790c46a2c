"""Load at a steady rate: events about known jobs, or backups that begin and end as jobs like any other."""

import asyncio
from collections.abc import AsyncIterator, Callable

from comet.emulator import events
from comet.emulator.draw import Draw
from comet.emulator.job import Job
from comet.emulator.live import Life
from comet.emulator.server import Server

_TICKS_PER_SECOND = 20


async def retell(server: Server, jobs: list[Job], per_second: float, seconds: float) -> None:
    """Emit begin and end events in turn, about jobs as they are now."""
    async for number in _paced(per_second, seconds):
        kind = events.JOB_COMPLETED if number % 2 else events.JOB_NEW
        server.tell_job(kind, Draw("flow", number).pick(jobs), server.clock.seconds())


async def flow(
    server: Server,
    life_now: Callable[[], Life],
    *,
    per_second: float,
    seconds: float,
    durations: tuple[int, int],
) -> None:
    """Start scheduled backups on random devices; `durations` are the shortest and the longest, in seconds.

    Each is announced to the life of its moment: a restart begins another, and the one before tells no ends.
    """
    devices = [device for device in server.devices if server.is_registered(device) and device.items]
    async for _ in _paced(per_second, seconds):
        draw = Draw(server.options.seed, "flow of jobs", len(server.jobs.started))
        device = draw.pick(devices)
        item = draw.pick(device.items)
        job = server.jobs.started.start(
            device=device,
            item=item,
            vault=draw.pick(item.vaults),
            by_schedule=True,
            seconds=draw.between(*durations),
        )
        life_now().announce(job)


async def _paced(per_second: float, seconds: float) -> AsyncIterator[int]:
    """Count from 0 to `per_second * seconds`, in time."""
    total, counted = int(per_second * seconds), 0
    loop = asyncio.get_running_loop()
    began_at = loop.time()
    while counted < total:
        await asyncio.sleep(1 / _TICKS_PER_SECOND)
        due = min(total, int((loop.time() - began_at) * per_second))
        for number in range(counted, due):
            yield number
        counted = due
