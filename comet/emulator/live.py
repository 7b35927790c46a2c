"""The passing of time: emits the events that planned jobs and connections cause.

Nothing is computed ahead: a heap holds the next moment of each thing, and the process sleeps until the first.
"""

import asyncio
import contextlib
import functools
import heapq
import logging
from collections.abc import Callable
from itertools import count

from comet.emulator import campaigns, events, runs
from comet.emulator.connections import Turn, never_connects, turn_at
from comet.emulator.job import UNINSTALL, UPDATE, Job
from comet.emulator.population import DAY, Device
from comet.emulator.schedules import LONGEST_DELAY
from comet.emulator.server import Server

logger = logging.getLogger(__name__)
_PLAN_AHEAD = 60  # seconds before a day begins at which its jobs are planned
_SWEEP_SECONDS = 60
_YIELD_EVERY = 200
_BOOT_SECONDS = 120  # a device that was away for so long was switched off
_MINUTE = "minute"


class Life:
    """Runs the emulated world of one server."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._changed = asyncio.Event()
        self._passing = asyncio.Lock()
        self._born_at = server.clock.now()
        self._prepare()

    async def run(self) -> None:
        """For ever: sleep to the next moment, let it happen."""
        while True:
            await self.catch_up()
            wait = self._server.clock.wall_seconds_until(self._heap[0][0])
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):  # wait_for may lose a cancel on Python 3.11
                    await self._changed.wait()
            self._changed.clear()

    async def catch_up(self) -> None:
        """Let everything happen, in order, that is due by now."""
        async with self._passing:
            done = 0
            while self._heap[0][0] <= self._server.clock.now():
                moment, _, happen = heapq.heappop(self._heap)
                try:
                    with self._server.clock.held_at(moment):
                        happen()
                except Exception:
                    logger.exception("emulator.event_failed")
                done += 1
                if done % _YIELD_EVERY == 0:
                    await asyncio.sleep(0)

    async def advance(self, seconds: float) -> None:
        """Move virtual time forward; what should have happened has happened when this returns."""
        self._server.clock.advance(seconds)
        self._server.journal.put("clock", "", self._server.clock.memory())
        await self.catch_up()
        self._server.sessions.sweep()
        self._changed.set()

    def announce(self, job: Job) -> None:
        """A job began by an API call: tell it, and wait for its end."""
        self._server.tell_job(events.JOB_NEW, job, job.appears_at)
        if job.ends_at <= job.begins_at:
            self._job_ends(job)
        else:
            self._at(job.ends_at, lambda: self._job_ends(job))
            self._changed.set()

    def await_revival(self, job: Job, moment: int) -> None:
        """The device reports again on a job that was given up."""
        self._at(moment, lambda: self._server.tell_job(events.JOB_NEW, job, moment))
        self._changed.set()

    def _prepare(self) -> None:
        now = int(self._born_at)
        for job in self._server.jobs.unfinished():
            self._await_end(job)
        for job in self._server.jobs.given_up():
            self.await_revival(job, job.revives_at)
            self._await_end(job)
        minute = self._next_minute(now)
        self._at(minute * 60, lambda: self._pass_minute(minute))
        self._plan_day(now // DAY)
        if self._server.options.live_jobs_per_minute:
            self._plan_minute(now // 60)
        for device in [*self._server.devices, *self._server.fleet.lobby()]:
            self._expect(device, now)
        self._at(now + _SWEEP_SECONDS, self._sweep)

    def _next_minute(self, now: int) -> int:
        """The minute to go on with: behind a pause those are made up for in which a run may have been due."""
        passed = self._server.journal.get(_MINUTE, "")
        following = now // 60 + 1
        if passed is None:
            self._server.journal.put(_MINUTE, "", following)
            return following
        return int(max(passed - LONGEST_DELAY // 60, following - self._server.options.days * DAY // 60))

    def _at(self, moment: float, happen: Callable[[], None]) -> None:
        heapq.heappush(self._heap, (moment, next(self._order), happen))

    def _sweep(self) -> None:
        self._server.sessions.sweep()
        self._at(self._server.clock.now() + _SWEEP_SECONDS, self._sweep)

    def _plan_day(self, day: int) -> None:
        for job in self._server.jobs.day(day):
            self._await_begin(job)
        self._at((day + 1) * DAY - _PLAN_AHEAD, lambda: self._plan_day(day + 1))

    def _plan_minute(self, minute: int) -> None:
        for job in self._server.jobs.live_minute(minute):
            self._await_begin(job)
        self._at((minute + 1) * 60, lambda: self._plan_minute(minute + 1))

    def _pass_minute(self, minute: int) -> None:
        """Plan what schedules of API writes want in this minute; seeded ones are planned by the day."""
        self._at((minute + 1) * 60, lambda: self._pass_minute(minute + 1))
        for run in runs.due(self._server, minute):
            self._at(run.begins_at, functools.partial(self._begin_run, run))
        if minute * 60 > self._born_at:
            campaigns.ask(self._server, self)
        if minute % 60 == 0:
            self._server.journal.put(_MINUTE, "", minute)

    def _begin_run(self, run: runs.Run) -> None:
        job = runs.begin(self._server, run)
        if job is not None:
            self.announce(job)
        else:
            self._at(runs.sweep_after(run), lambda: self._miss_run(run))

    def _miss_run(self, run: runs.Run) -> None:
        job = runs.miss(self._server, run, runs.sweep_after(run))
        if job is not None:
            self.announce(job)

    def _run_triggers(self, device: Device, moment: int, *, booted: bool) -> None:
        for run in runs.on_connect(self._server, device, moment, booted=booted):
            if (job := runs.begin(self._server, run)) is not None:
                self.announce(job)

    def _await_begin(self, job: Job) -> None:
        if job.appears_at > self._born_at:
            self._at(job.appears_at, lambda: self._job_begins(job))

    def _await_end(self, job: Job) -> None:
        self._at(job.ends_at, lambda: self._job_ends(job))

    def _job_begins(self, job: Job) -> None:
        if self._server.jobs.is_stopped(job):
            return
        self._server.tell_job(events.JOB_NEW, job, job.appears_at)
        if job.ends_at <= job.appears_at:
            self._job_ends(job)
        else:
            self._await_end(job)

    def _job_ends(self, job: Job) -> None:
        if self._server.jobs.was_changed(job.guid):
            return  # ended earlier by a call, which told it
        self._server.profiles.note_job_end(job)
        self._server.tell_job(events.JOB_COMPLETED, job, max(job.ends_at, job.appears_at))
        if self._server.jobs.started.get(job.guid) is not None:
            self._follow_up(job)

    def _follow_up(self, job: Job) -> None:
        """What a job that was ordered does to its device."""
        if job.classification == UPDATE:
            self._server.note_update(job.device)
        elif job.classification == UNINSTALL and self._server.turn_of(job.device) is not None:
            self.silence(job.device)

    def _await_connection(self, device: Device, after: float) -> None:
        turn = turn_at(self._server.options.seed, device, after)
        if turn.begins_at > after:
            self._at(turn.begins_at, lambda: self._connects(device, turn))
        else:
            self._at(turn.ends_at, lambda: self._disconnects(device, turn.ends_at))

    def meet(self, device: Device) -> None:
        """A device was registered by a call: it is connected, and comes and goes from now on."""
        now = self._server.clock.seconds()
        if self._server.turn_of(device) is not None:
            self._tell_device(events.DEVICE_CONNECT, device, now)
        self._expect(device, now)
        self._changed.set()

    def drop(self, device: Device) -> None:
        """End a device's connection; it will be back."""
        self._tell_device(events.DEVICE_DISCONNECT, device, self._server.clock.seconds())
        self._await_return(device, self._server.presence.drop(device))

    def silence(self, device: Device) -> None:
        """End a device's connection for good."""
        self._tell_device(events.DEVICE_DISCONNECT, device, self._server.clock.seconds())
        self._server.presence.silence(device)

    def let_back(self, device: Device) -> None:
        """A device whose connection was ended for good comes back now, if it has any."""
        now = self._server.clock.seconds()
        if self._server.presence.is_kept_away(device, now):
            self._server.presence.let_back(device)
            self._await_return(device, now)

    def _expect(self, device: Device, now: int) -> None:
        if never_connects(device):
            return
        self._await_connection(device, now)
        if (back_at := self._server.presence.returns_after(device, now)) is not None:
            self._await_return(device, back_at)

    def _await_return(self, device: Device, moment: int) -> None:
        self._at(moment, lambda: self._returns(device, moment))
        self._changed.set()

    def _returns(self, device: Device, moment: int) -> None:
        if self._server.presence.turn_of(device) is not None:
            self._tell_device(events.DEVICE_CONNECT, device, moment)
            self._run_triggers(device, moment, booted=False)

    def _connects(self, device: Device, turn: Turn) -> None:
        if not self._server.presence.is_kept_away(device, turn.begins_at):
            self._tell_device(events.DEVICE_CONNECT, device, turn.begins_at)
            before = turn_at(self._server.options.seed, device, turn.begins_at - _BOOT_SECONDS)
            self._run_triggers(device, turn.begins_at, booted=before.guid == turn.guid)
        self._at(turn.ends_at, lambda: self._disconnects(device, turn.ends_at))

    def _disconnects(self, device: Device, moment: int) -> None:
        if not self._server.presence.is_kept_away(device, moment):
            self._tell_device(events.DEVICE_DISCONNECT, device, moment)
        self._await_connection(device, moment)

    def _tell_device(self, event_type: int, device: Device, moment: int) -> None:
        if not device.username:
            self._tell_lobby(event_type, device, moment)
            return
        profile = self._server.profiles.stored(device.username)
        if profile is None or device.device_id not in profile["Devices"]:
            return
        self._server.hub.emit(
            event_type,
            actor=device.username,
            organization_id=profile.get("OrganizationID", ""),
            resource_id=device.device_id,
            data=profile["Devices"][device.device_id],
            moment=moment,
        )

    def _tell_lobby(self, event_type: int, device: Device, moment: int) -> None:
        if device in self._server.fleet.lobby():
            kind = events.LOBBY_CONNECT if event_type == events.DEVICE_CONNECT else events.LOBBY_DISCONNECT
            self._server.hub.emit(kind, resource_id=device.device_id, moment=moment)
