"""A large emulated server: how soon it is up, what it weighs, how fast it answers and tells.

The size is what is promised: 5,000 users with 20,000 jobs a day over 60 days.
"""

import asyncio
import contextlib
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import requests
from websockets.asyncio.client import connect

from tests.bench.harness import Result, percentile
from tests.emulator_process import EmulatorProcess, start_emulator

USERS: Final = 5000
JOBS_PER_DAY: Final = 20_000
DAYS: Final = 60
START_LIMIT: Final = 20.0
MEMORY_LIMIT: Final = 1500.0
LIST_LIMIT: Final = 1000.0
EVENT_LIMIT: Final = 2000.0
FLOW_SECONDS: Final = 5
ROUNDS: Final = 5
CALLS: Final = 200
SMALL: Final = {"users": 5, "jobs_per_day": 10, "days": 3, "calls": 3, "flow_seconds": 0.3}


def run(
    users: int = USERS,
    jobs_per_day: int = JOBS_PER_DAY,
    days: int = DAYS,
    calls: int = CALLS,
    flow_seconds: float = FLOW_SECONDS,
) -> Iterator[Result]:
    began = time.perf_counter()
    with start_emulator(users=users, jobs_per_day=jobs_per_day, days=days, organizations=5) as emulator:
        requests.get(f"{emulator.url}/gen/branding.props", timeout=60).raise_for_status()
        yield Result("emulator.start", time.perf_counter() - began, "s", START_LIMIT, "limit", most=1)
        first = _list_all(emulator)
        yield Result("emulator.list-users-full-first", first[0], "ms", LIST_LIMIT, "limit-once-warm")
        warm = [_list_all(emulator) for _ in range(ROUNDS)]
        median = percentile([milliseconds for milliseconds, _ in warm], 50)
        yield Result("emulator.list-users-full-warm", median, "ms", LIST_LIMIT, "limit", most=1)
        yield Result("emulator.list-users-full-body", warm[0][1] / 1e6, "MB", 80, "expected")
        now = int(emulator.order("state")["now"])
        for name, days_ago in (("newest", 0), ("oldest", days - 2)):
            took = _job_day(emulator, now - days_ago * 86_400)
            yield Result(f"emulator.jobs-of-{name}-day", took, "ms", LIST_LIMIT, "a-second", most=1)
        yield Result(
            "emulator.call-kept-alive", _small_calls(emulator, calls), "ms", 40, "a-delayed-acknowledgement"
        )
        rate = asyncio.run(_events(emulator, flow_seconds))
        yield Result("emulator.events-on-one-stream", rate, "events/s", EVENT_LIMIT, "goal", least=1)
        yield Result("emulator.memory", _peak_megabytes(emulator.pid), "MB", MEMORY_LIMIT, "limit", most=1)


def _list_all(emulator: EmulatorProcess) -> tuple[float, int]:
    """Milliseconds and bytes of one list-users-full, as a client that takes gzip reads it."""
    began = time.perf_counter()
    response = emulator.post("admin/list-users-full")
    return (time.perf_counter() - began) * 1000, len(response.content)


def _job_day(emulator: EmulatorProcess, until: int) -> float:
    began = time.perf_counter()
    answer = emulator.post("admin/get-jobs-for-date-range", Start=until - 86_400, End=until)
    answer.raise_for_status()
    return (time.perf_counter() - began) * 1000


def _small_calls(emulator: EmulatorProcess, count: int) -> float:
    """The median of small calls over one connection that is kept alive."""
    form = {"Username": emulator.admin.name, "AuthType": "Password", "Password": emulator.admin.password}
    times = []
    with requests.Session() as session:
        for _ in range(count):
            began = time.perf_counter()
            session.post(f"{emulator.url}/api/v1/admin/meta/version", data=form, timeout=20)
            times.append((time.perf_counter() - began) * 1000)
    return percentile(times, 50)


async def _events(emulator: EmulatorProcess, seconds: float) -> float:
    """Events a second that arrive on one stream while the server is asked for more than the goal."""
    wanted = int(EVENT_LIMIT * 1.5)
    async with connect(f"{emulator.stream_url}?allowList=4200,4201", max_size=None) as socket:
        for frame in (emulator.admin.name, "Password", emulator.admin.password, "", ""):
            await socket.send(frame)
        for _ in range(2):
            await socket.recv()
        await asyncio.to_thread(emulator.order, "events/rate", per_second=wanted, seconds=math.ceil(seconds))
        began, count = time.perf_counter(), 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while count < wanted * seconds:
                    await socket.recv()
                    count += 1
        return count / (time.perf_counter() - began)


def _peak_megabytes(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    kilobytes = next(line.split()[1] for line in lines if line.startswith("VmHWM"))
    return int(kilobytes) / 1024
