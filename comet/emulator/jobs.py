"""The jobs a server knows at a moment: planned ones, started ones, and what was done to them."""

import itertools
from collections.abc import Iterator
from functools import lru_cache

from comet.emulator.clock import Clock
from comet.emulator.fleet import Fleet
from comet.emulator.job import CANCELLED, Job
from comet.emulator.journal import Journal
from comet.emulator.plan import LONGEST_JOB, LONGEST_LIVE_JOB, STUCK_DAYS, Plan
from comet.emulator.population import DAY, Device, Population
from comet.emulator.started import StartedJobs
from comet.emulator.statistics import LastBackups

_CACHED_JOBS = 300_000
_CACHED_LIVE_DAYS = 3


class JobBook:
    """Answers which jobs exist. Holds API-made changes in the journal, so that a restart keeps them.

    `days` is how far back history reaches; `live_since` is when live jobs began (virtual Unix seconds).
    """

    def __init__(
        self,
        *,
        seed: int,
        plan: Plan,
        population: Population,
        fleet: Fleet,
        clock: Clock,
        journal: Journal,
        days: int,
        jobs_per_day: int,
        live_since: int,
    ) -> None:
        self._plan = plan
        self._clock = clock
        self._journal = journal
        self._days = days
        self._live_since = live_since
        self._devices_of: dict[str, list[Device]] = {user.username: user.devices for user in population.users}
        self._cached_minute = lru_cache(maxsize=_CACHED_LIVE_DAYS * DAY // 60)(self._make_minute)
        cached_days = max(4, min(days + 2, _CACHED_JOBS // max(1, jobs_per_day)))
        self._cached_day = lru_cache(maxsize=cached_days)(self._make_day)
        self.started = StartedJobs(seed, plan, fleet, clock, journal)
        for job in self.started.all():
            self._apply_change(job)

    def day(self, day: int) -> list[Job]:
        """Regular jobs planned to begin on a UTC day (days since 1970)."""
        return self._cached_day(day)

    def live_minute(self, minute: int) -> list[Job]:
        """Live jobs that begin in a minute (minutes since 1970); none before `live_since`."""
        if minute * 60 < self._live_since:
            return []
        return self._cached_minute(minute)

    def find(self, guid: str) -> Job | None:
        """A visible job by its GUID."""
        if (started := self.started.get(guid)) is not None:
            return started
        minute = self._plan.minute_of(guid)
        if minute is None or not self._oldest_minute() <= minute <= self._clock.now() // 60:
            return None
        now = self._clock.now()
        for job in [
            *self.day(minute * 60 // DAY),
            *self.live_minute(minute),
            *self._stuck_on(minute * 60 // DAY),
        ]:
            if job.guid == guid and self._exists(job, now):
                return job
        return None

    def between(self, start: int, end: int) -> list[Job]:
        """Visible jobs that began or ended from `start` to `end`, both included."""
        now = self._clock.now()
        return [
            job
            for job in self._candidates(start, end)
            if self._exists(job, now)
            and (start <= job.begins_at <= end or (not job.is_running(now) and start <= job.ends_at <= end))
        ]

    def unfinished(self) -> list[Job]:
        now = self._clock.now()
        return [
            job
            for job in self._candidates(int(now), int(now))
            if self._exists(job, now) and job.is_running(now)
        ]

    def given_up(self) -> list[Job]:
        """Jobs that were marked as abandoned and will be revived."""
        now = self._clock.now()
        found = (self.find(guid) for guid in self._journal.all("job-revival"))
        return [job for job in found if job is not None and job.is_given_up(now)]

    def recent(self, seconds: int = DAY) -> list[Job]:
        """Unfinished jobs, and those that began or ended within so many seconds."""
        now = self._clock.seconds()
        jobs = {job.guid: job for job in self.between(now - seconds, now)}
        jobs.update((job.guid, job) for job in self.unfinished())
        return list(jobs.values())

    def everything(self) -> list[Job]:
        now = self._clock.seconds()
        return self.between(now - self._days * DAY, now)

    def of_user(self, username: str) -> list[Job]:
        """All of one user's jobs that history still holds, derived from his devices alone."""
        now = self._clock.seconds()
        oldest = now - self._days * DAY
        devices = self._devices_of.get(username, [])
        days = range(oldest // DAY, now // DAY + 1)
        planned = [job for device in devices for day in days for job in self.device_day(device, day)]
        live = [job for job in self._live_between(oldest, now) if job.username == username]
        started = [job for job in self.started.all() if job.username == username]
        jobs = [*planned, *live, *started]
        return [job for job in jobs if self._exists(job, now) and job.ends_at >= oldest]

    def device_day(self, device: Device, day: int) -> list[Job]:
        """One device's regular jobs of a day, with what was done to them since."""
        return [self._apply_change(job) for job in self._plan.device_day(device, day)]

    def last_backups(self) -> LastBackups:
        """The last backups of all devices, read from history."""
        now = self._clock.seconds()
        found = LastBackups()
        for devices in self._devices_of.values():
            for device in devices:
                self._read_back(device, found)
        live = self._live_between(now - _CACHED_LIVE_DAYS * DAY, now)
        for job in itertools.chain(live, self.started.all()):
            if self._exists(job, now) and not job.is_running(now):
                found.note(job)
        return found

    def _read_back(self, device: Device, found: LastBackups) -> None:
        """Enter a device's regular backups, day by day backwards until nothing older can matter."""
        now = self._clock.seconds()
        items = {item.guid for item in device.items}
        vaults = {vault.guid for item in device.items for vault in item.vaults}
        for day in range(now // DAY, now // DAY - self._days - 1, -1):
            for job in self.device_day(device, day):
                if self._exists(job, now) and not job.is_running(now):
                    found.note(job)
            if found.is_complete(items, vaults):
                return

    def finish(self, job: Job, status: int = CANCELLED) -> None:
        """End a running job now with a status of its own."""
        self._journal.put("job-change", job.guid, [self._clock.seconds(), status])
        self._apply_change(job)

    def give_up(self, job: Job, revives_at: int) -> None:
        """Mark a running job as abandoned until its device reports again."""
        self._journal.put("job-revival", job.guid, [self._clock.seconds(), revives_at])
        self._apply_change(job)

    def was_changed(self, guid: str) -> bool:
        """Whether a call ended the job for good."""
        return self._journal.get("job-change", guid) is not None

    def is_stopped(self, job: Job) -> bool:
        """Whether its Protected Item or schedule was removed by an API write before it would have begun."""
        if job.item is None or self.started.get(job.guid) is not None:
            return False
        keys = (job.item.guid, job.item.rule_guid) if job.by_schedule else (job.item.guid,)
        moments = (self._journal.get("stopped", key) for key in keys if key)
        return any(moment is not None and job.begins_at > moment for moment in moments)

    def _exists(self, job: Job, now: float) -> bool:
        since = self._journal.get("history", job.username)
        return job.is_visible(now) and not self.is_stopped(job) and (since is None or job.begins_at > since)

    def forget_user(self, username: str) -> None:
        """Drop the history of a user who is deleted, also from one who takes the name later."""
        self._journal.put("history", username, self._clock.seconds())

    def _make_minute(self, minute: int) -> list[Job]:
        return [self._apply_change(job) for job in self._plan.live_minute(minute)]

    def _make_day(self, day: int) -> list[Job]:
        return [self._apply_change(job) for job in self._plan.day(day)]

    def _candidates(self, start: int, end: int) -> Iterator[Job]:
        """Every job that may have begun, run or ended from `start` to `end`."""
        oldest = self._clock.seconds() - self._days * DAY
        first = max(start, oldest) - LONGEST_JOB
        last = min(end, self._clock.seconds())
        planned = (job for day in range(first // DAY, last // DAY + 1) for job in self.day(day))
        stuck = (job for day in range(first // DAY - STUCK_DAYS, first // DAY) for job in self._stuck_on(day))
        live = self._live_between(max(start, oldest) - LONGEST_LIVE_JOB, last)
        for source in (stuck, planned, live, self.started.all()):
            for job in source:
                if job.ends_at >= oldest:
                    yield job

    def _stuck_on(self, day: int) -> list[Job]:
        return [job for device in self._plan.stuck_devices for job in self.device_day(device, day)]

    def _live_between(self, start: int, end: int) -> Iterator[Job]:
        for minute in range(max(start, self._live_since) // 60, end // 60 + 1):
            yield from self.live_minute(minute)

    def _oldest_minute(self) -> int:
        return (self._clock.seconds() - (self._days + STUCK_DAYS) * DAY) // 60

    def _apply_change(self, job: Job) -> Job:
        if (change := self._journal.get("job-change", job.guid)) is not None:
            job.ends_at, job.status = change
        if (revival := self._journal.get("job-revival", job.guid)) is not None:
            job.abandoned_at, job.revives_at = revival
        return job
