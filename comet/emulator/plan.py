"""Which jobs exist: derived day by day from the seed, nothing stored.

Three sources add up: the regular days of every device, the live jobs (short ones, so many a minute, from the
hour in which the emulator first started), and what was started by API calls (kept by `jobs.py`).
"""

from comet.emulator.connections import connection_at
from comet.emulator.draw import Draw, guid_of
from comet.emulator.job import (
    ABANDONED,
    BACKUP,
    CANCELLED,
    DEEP_VERIFY,
    DELETE,
    ERROR,
    IMPORT,
    MEASURE,
    MISSED,
    QUOTA,
    REINDEX,
    RESTORE,
    RETENTION,
    SKIPPED,
    SUCCESS,
    TIMEOUT,
    UNINSTALL,
    UNLOCK,
    UPDATE,
    WARNING,
    Job,
)
from comet.emulator.population import DAY, Device, Item, Population
from comet.emulator.schedules import second_of_day

LONGEST_JOB = DAY  # no regular job runs longer; a stuck one lasts STUCK_DAYS
STUCK_DAYS = 7
LONGEST_LIVE_JOB = 120
_BACKUP_SHARE = 0.8  # of all regular jobs; the rest is upkeep
_MISSED_SWEEP = 1800  # the server looks for missed jobs every half hour
_MISSED_GRACE = 900
_RETRIED_SHARE = 0.3  # of the failed backups try again
_RETRY_PAUSE = 1800
_OUTCOMES = (
    (SUCCESS, 85.0), (WARNING, 5.0), (ERROR, 4.3), (MISSED, 2.0), (SKIPPED, 0.9), (QUOTA, 0.9),
    (CANCELLED, 0.8), (TIMEOUT, 0.6), (ABANDONED, 0.5),
)  # fmt: skip
_LIVE_OUTCOMES = (
    (SUCCESS, 82.0), (WARNING, 6.5), (ERROR, 7.0), (QUOTA, 1.5), (CANCELLED, 2.0), (SKIPPED, 1.0),
)  # fmt: skip
_UPKEEP = (
    (RETENTION, 34.0), (MEASURE, 16.0), (RESTORE, 10.0), (DEEP_VERIFY, 9.0), (UPDATE, 8.0),
    (DELETE, 6.0), (REINDEX, 6.0), (UNLOCK, 5.0), (IMPORT, 3.0), (UNINSTALL, 3.0),
)  # fmt: skip
_UPKEEP_OUTCOMES = ((SUCCESS, 94.0), (WARNING, 3.0), (ERROR, 3.0))
_GUID_STEP = 0x9E3779B1  # odd, so that multiplying by it modulo 2**32 can be undone
_GUID_BACK = pow(_GUID_STEP, -1, 1 << 32)


class Plan:
    """Derives jobs of one seed and population."""

    def __init__(self, seed: int, population: Population, jobs_per_day: int, live_per_minute: float) -> None:
        self._seed = seed
        self._devices = population.devices
        self._guid_mask = Draw(seed, "job ids").between(0, (1 << 32) - 1)
        self._live_per_minute = live_per_minute
        regular = [d for d in self._devices if d.standout not in {"never", "silent", "stuck"}]
        items = sum(len(device.items) for device in regular)
        self._backups_per_item = jobs_per_day * _BACKUP_SHARE / max(1, items)
        self._upkeep_per_device = jobs_per_day * (1 - _BACKUP_SHARE) / max(1, len(regular))
        self._live_devices = [d for d in regular if d.standout != "offline"]
        self.stuck_devices = [d for d in self._devices if d.standout == "stuck"]

    def day(self, day: int) -> list[Job]:
        """All regular jobs planned to begin on one UTC day (days since 1970)."""
        return [job for device in self._devices for job in self.device_day(device, day)]

    def device_day(self, device: Device, day: int) -> list[Job]:
        """One device's regular jobs that begin on one UTC day."""
        if device.standout == "never" or (device.standout == "silent" and (day + device.phase) % 16 > 1):
            return []
        if device.standout == "stuck":
            return [self._stuck_job(device, day)] if (day + device.phase) % STUCK_DAYS == 0 else []
        jobs: list[Job] = []
        for item in device.items:
            draw = Draw(self._seed, "runs", item.guid, day)
            runs = int(self._backups_per_item + draw.unit())
            jobs.extend(self._backup(device, item, day, number, runs) for number in range(runs))
        if device.standout != "offline":
            draw = Draw(self._seed, "upkeep", device.device_id, day)
            runs = int(self._upkeep_per_device + draw.unit())
            jobs.extend(self._upkeep(device, day, number) for number in range(runs))
        return jobs

    def live_minute(self, minute: int) -> list[Job]:
        """The live jobs that begin in one minute (minutes since 1970)."""
        if not self._live_devices:
            return []
        draw = Draw(self._seed, "live", minute)
        return [self._live_job(minute, number) for number in range(int(self._live_per_minute + draw.unit()))]

    def job_guid(self, begins_at: int, draw: Draw) -> str:
        """A job GUID whose first part tells, to the emulator alone, the minute in which the job began."""
        head = (begins_at // 60 * _GUID_STEP + self._guid_mask) % (1 << 32)
        return guid_of(f"{head:08x}{draw.hex(24)}")

    def minute_of(self, guid: str) -> int | None:
        """The minute a GUID made by `job_guid` tells, or None if it is no GUID."""
        try:
            head = int(guid[:8], 16)
        except ValueError:
            return None
        return (head - self._guid_mask) * _GUID_BACK % (1 << 32)

    def _backup(self, device: Device, item: Item, day: int, number: int, runs: int) -> Job:
        draw = Draw(self._seed, "backup", item.guid, day, number)
        hour = (item.hour + number * 24 // runs) % 24
        planned_at = day * DAY + second_of_day(device.timezone, day, hour)
        status, cause = draw.weighted(_OUTCOMES), draw.between(0, 999)
        if device.standout == "offline":
            status = MISSED
        elif device.standout == "failing":
            status, cause = self._failing(device, day, status, cause)
        begins_at = planned_at + (draw.between(0, 8) if draw.chance(0.6) else draw.between(9, 900))
        ends_at = begins_at + int(90 * 2 ** (draw.unit() * 5))
        appears_at = begins_at
        if status == MISSED:
            begins_at = ends_at = planned_at
            appears_at = (planned_at + _MISSED_GRACE) // _MISSED_SWEEP * _MISSED_SWEEP + _MISSED_SWEEP
        elif status == SKIPPED:
            ends_at = begins_at
        elif status == TIMEOUT:
            ends_at = begins_at + 6 * 3600
        elif status == ABANDONED:
            ends_at = begins_at + 9 * 3600
        guid = self.job_guid(begins_at, draw)
        vault = draw.pick(item.vaults)
        job = Job(guid, device, item, vault, BACKUP, status, begins_at, ends_at, appears_at, cause)
        if status == ABANDONED:
            job.stalls_after = draw.between(60, 2400)
        elif status == ERROR and not device.standout and draw.chance(_RETRIED_SHARE):
            job.waits = ((ends_at, ends_at + _RETRY_PAUSE),)
            job.ends_at += _RETRY_PAUSE + ends_at - begins_at
            job.status = SUCCESS if draw.chance(0.5) else ERROR
        return job

    def _upkeep(self, device: Device, day: int, number: int) -> Job:
        draw = Draw(self._seed, "upkeep", device.device_id, day, number)
        kind, status = draw.weighted(_UPKEEP), draw.weighted(_UPKEEP_OUTCOMES)
        begins_at = day * DAY + draw.between(0, DAY - 1)
        ends_at = begins_at + int(15 * 2 ** (draw.unit() * 6))
        item = draw.pick(device.items) if kind in (RESTORE, DELETE, IMPORT) else None
        vault = None if kind in (UPDATE, UNINSTALL, IMPORT) else draw.pick(device.items[0].vaults)
        guid = self.job_guid(begins_at, draw)
        cause = draw.between(0, 999)
        return Job(
            guid, device, item, vault, kind, status, begins_at, ends_at, begins_at, cause, by_schedule=False
        )

    def _live_job(self, minute: int, number: int) -> Job:
        draw = Draw(self._seed, "live", minute, number)
        begins_at = minute * 60 + draw.between(0, 59)
        device = draw.pick(self._live_devices)
        for _ in range(4):
            if connection_at(self._seed, device, begins_at):
                break
            device = draw.pick(self._live_devices)
        kind = BACKUP if draw.chance(0.82) else draw.weighted(_UPKEEP[:5])
        item = draw.pick(device.items) if kind in (BACKUP, RESTORE) else None
        vault = None if kind == UPDATE else draw.pick(device.items[0].vaults)
        status, cause = (
            draw.weighted(_LIVE_OUTCOMES if kind == BACKUP else _UPKEEP_OUTCOMES),
            draw.between(0, 999),
        )
        if device.standout == "failing" and kind == BACKUP:
            status, cause = self._failing(device, begins_at // DAY, status, cause)
        ends_at = begins_at if status == SKIPPED else begins_at + draw.between(20, LONGEST_LIVE_JOB)
        guid = self.job_guid(begins_at, draw)
        return Job(guid, device, item, vault, kind, status, begins_at, ends_at, begins_at, cause)

    def _stuck_job(self, device: Device, day: int) -> Job:
        """The backup during which a machine died: it stays active until it is given up a week later."""
        draw = Draw(self._seed, "stuck", device.device_id, day)
        begins_at = day * DAY + 2 * 3600
        item = device.items[0]
        guid = self.job_guid(begins_at, draw)
        ends_at = begins_at + STUCK_DAYS * DAY
        job = Job(guid, device, item, item.vaults[0], BACKUP, ABANDONED, begins_at, ends_at, begins_at)
        job.stalls_after = draw.between(200, 2400)
        return job

    def _failing(self, device: Device, day: int, status: int, cause: int) -> tuple[int, int]:
        """Eleven days of every fourteen with one and the same error, then three ordinary ones."""
        story, at = divmod(day + device.phase, 14)
        if at < 3:
            return status, cause
        return ERROR, Draw(self._seed, "failing", device.device_id, story).between(0, 999)
