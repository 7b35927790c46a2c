"""Backups that schedules of API writes start: due, begun, skipped, repeated, missed.

The schedules of the seed are not here: `plan.py` derives their jobs day by day.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from comet.emulator import schedules
from comet.emulator.draw import Draw
from comet.emulator.job import BACKUP, CANCELLED, ERROR, MISSED, QUOTA, SKIPPED, TIMEOUT, Job
from comet.emulator.population import Device
from comet.emulator.server import Server

Wire = dict[str, Any]
_SWEEP, _EARLY, _LATE = 1800, 300, 900  # missed backups are looked for half-hourly, with this much patience
_FAILED = (ERROR, TIMEOUT, QUOTA)
_RETRY_COUNT, _RETRY_MINUTES = 1, 30  # DEFAULT_RETRY_COUNT, DEFAULT_RETRY_TIME
_TAKES = (20, 60)  # seconds


@dataclass(frozen=True, slots=True)
class Run:
    """One run that a rule asks for. It is known by its rule and the moment it was planned for."""

    device: Device
    rule: str
    config: Wire
    planned_at: int
    begins_at: int

    @property
    def key(self) -> tuple[str, str, int]:
        return self.device.username, self.rule, self.planned_at

    @property
    def pair(self) -> tuple[str, str]:
        """The Protected Item and the Storage Vault."""
        return self.config["Source"], self.config["Destination"]


def due(server: Server, minute: int) -> Iterator[Run]:
    """The runs that schedules plan for a minute since 1970, each with the delay that chance gives it."""
    clocks: dict[str, datetime] = {}
    moment = datetime.fromtimestamp(minute * 60, UTC)
    for username, guid, since in server.profiles.made_rules():
        profile = server.profiles.stored(username) or {}
        found = _rule(server, profile, username, guid)
        if found is None:
            continue
        device, config = found
        name = profile["Devices"][device.device_id].get("DeviceTimezone") or profile["LocalTimezone"]
        local = clocks.get(name) or clocks.setdefault(name, moment.astimezone(schedules.zone(name)))
        for schedule in config["Schedules"]:
            at = schedules.due(schedule, minute, local)
            if at is not None and at > since:
                yield Run(
                    device, guid, config, at, at + _delay(server, profile, schedule, username, guid, at)
                )
                break


def on_connect(server: Server, device: Device, moment: int, *, booted: bool) -> Iterator[Run]:
    """The runs that event triggers ask for when a device comes online, or has been started."""
    profile = server.profiles.stored(device.username) or {}
    for username, guid, _ in server.profiles.made_rules():
        found = _rule(server, profile, username, guid) if username == device.username else None
        if found is None or found[0] is not device:
            continue
        run = Run(device, guid, found[1], moment, moment)
        triggers = run.config["EventTriggers"]
        missed = triggers.get("OnPCBootIfLastJobMissed") and _last_was_missed(server, run)
        if missed or (booted and triggers.get("OnPCBoot")):
            yield run


def begin(server: Server, run: Run) -> Job | None:
    """The job of a run; None if its device is away, or the job exists already."""
    if _is_known(server, run) or server.turn_of(run.device) is None or not _still_wanted(server, run):
        return None
    draw = Draw(server.options.seed, "run", *run.key)
    if run.config["SkipAlreadyRunning"] and server.is_backing_up(run.device, *run.pair):
        return _start(server, run, draw, SKIPPED, 0)
    pause, attempts = _retries(run.config["EventTriggers"])
    lasts = status = 0
    waits: list[tuple[int, int]] = []
    for attempt in range(attempts + 1):
        if attempt:
            waits.append((run.begins_at + lasts, run.begins_at + lasts + pause))
            lasts += pause
        lasts += draw.between(*_TAKES)
        status = server.jobs.started.outcome(run.device, draw)
        if status not in _FAILED:
            break
    limit = run.config["StopAfter"]
    if 0 < limit < lasts:
        lasts, status = limit, CANCELLED
    return _start(server, run, draw, status, lasts, tuple(w for w in waits if w[1] < run.begins_at + lasts))


def sweep_after(run: Run) -> int:
    """When the server would notice that the run was missed."""
    return (run.begins_at + _LATE) // _SWEEP * _SWEEP + _SWEEP


def miss(server: Server, run: Run, now: int) -> Job | None:
    """The job that stands for a run that nobody began; None if a backup of the kind did begin."""
    if _is_known(server, run) or not _still_wanted(server, run):
        return None
    if not server.settings["AuthenticationRole"]["GenerateMissedBackupEvents"]:
        return None
    if run.begins_at < server.settings["AuthenticationRole"]["NoMissedBackupEventsBefore"]:
        return None
    for job in server.jobs.between(run.begins_at - _EARLY, run.begins_at + _LATE):
        if job.classification == BACKUP and job.device is run.device and _pair(job) == run.pair:
            return None
    return _start(server, run, Draw(server.options.seed, "run", *run.key), MISSED, 0, appears_at=now)


def _start(
    server: Server,
    run: Run,
    draw: Draw,
    status: int,
    seconds: int,
    waits: tuple[tuple[int, int], ...] = (),
    appears_at: int = 0,
) -> Job:
    tags = run.config.get("Tags")
    return server.jobs.started.start(
        guid=_guid(server, run),
        device=run.device,
        item=server.item(run.device, run.config["Source"], run.rule),
        vault=server.vault(run.device, run.config["Destination"]),
        by_schedule=True,
        seconds=seconds,
        status=status,
        at=run.begins_at,
        waits=waits,
        appears_at=appears_at,
        extra={"Tags": tags} if tags else None,
    )


def _guid(server: Server, run: Run) -> str:
    return server.jobs.started.guid(run.begins_at, Draw(server.options.seed, "run id", *run.key))


def _is_known(server: Server, run: Run) -> bool:
    return server.jobs.started.get(_guid(server, run)) is not None


def _still_wanted(server: Server, run: Run) -> bool:
    """Whether the rule is the one that planned the run."""
    profile = server.profiles.stored(run.device.username) or {"BackupRules": {}}
    found = _rule(server, profile, run.device.username, run.rule)
    return found is not None and found[1] == run.config


def _rule(server: Server, profile: Wire, username: str, guid: str) -> tuple[Device, Wire] | None:
    """A rule with the device that runs it; None if one of its parts is gone, or the account suspended."""
    config = profile.get("BackupRules", {}).get(guid)
    if config is None or profile["IsSuspended"] or config["Destination"] not in profile["Destinations"]:
        return None
    source = profile["Sources"].get(config["Source"])
    device = server.fleet.get(username, source["OwnerDevice"]) if source else None
    if device is None or device.device_id not in profile["Devices"]:
        return None
    return device, config


def _delay(server: Server, profile: Wire, schedule: Wire, username: str, rule: str, at: int) -> int:
    """The policy's random delay, or else the schedule's."""
    longest = profile["Policy"].get("RandomDelaySecs") or schedule.get("RandomDelaySecs", 0)
    if longest <= 0:
        return 0
    draw = Draw(server.options.seed, "delay", username, rule, at)
    return draw.between(0, min(longest, schedules.LONGEST_DELAY))


def _retries(triggers: Wire) -> tuple[int, int]:
    """Seconds before the backup is tried again, and how often."""
    if not triggers.get("OnLastJobFailDoRetry"):
        return 0, 0
    minutes = triggers.get("LastJobFailDoRetryTime") or _RETRY_MINUTES
    return minutes * 60, triggers.get("LastJobFailDoRetryCount") or _RETRY_COUNT


def _last_was_missed(server: Server, run: Run) -> bool:
    jobs = [
        job
        for job in server.jobs.of_user(run.device.username)
        if job.classification == BACKUP and _pair(job) == run.pair
    ]
    return bool(jobs) and max(jobs, key=lambda job: job.begins_at).status == MISSED


def _pair(job: Job) -> tuple[str, str]:
    return job.item.guid if job.item else "", job.vault.guid if job.vault else ""
