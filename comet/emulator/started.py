"""Backups that API calls started. They are in no plan, so the journal keeps them."""

from typing import Any

from comet.emulator.clock import Clock
from comet.emulator.draw import Draw
from comet.emulator.job import BACKUP, SUCCESS, WARNING, Job
from comet.emulator.journal import Journal
from comet.emulator.plan import Plan
from comet.emulator.population import Device, Item, Population, Vault

_OUTCOMES = ((SUCCESS, 96.0), (WARNING, 4.0))


class StartedJobs:
    """Starts backups and remembers them."""

    def __init__(self, seed: int, plan: Plan, population: Population, clock: Clock, journal: Journal) -> None:
        self._seed = seed
        self._plan = plan
        self._clock = clock
        self._journal = journal
        devices = {(device.username, device.device_id): device for device in population.devices}
        self._jobs: dict[str, Job] = {}
        for guid, entry in journal.all("job").items():
            if (device := devices.get((entry["username"], entry["device_id"]))) is not None:
                self._jobs[guid] = _recall(guid, entry, device)

    def all(self) -> list[Job]:
        return list(self._jobs.values())

    def get(self, guid: str) -> Job | None:
        return self._jobs.get(guid)

    def start(
        self,
        *,
        device: Device,
        item: Item,
        vault: Vault,
        by_schedule: bool,
        seconds: int | None = None,
        status: int | None = None,
    ) -> Job:
        """Begin a backup now. Unless said otherwise it runs 20 to 60 s and nearly always succeeds."""
        now = self._clock.seconds()
        draw = Draw(self._seed, "started", device.device_id, item.guid, now, len(self._jobs))
        job = Job(
            guid=self._plan.job_guid(now, draw),
            device=device,
            item=item,
            vault=vault,
            classification=BACKUP,
            status=draw.weighted(_OUTCOMES) if status is None else status,
            begins_at=now,
            ends_at=now + (draw.between(20, 60) if seconds is None else seconds),
            appears_at=now,
            cause=draw.between(0, 999),
            by_schedule=by_schedule,
        )
        self._jobs[job.guid] = job
        self._journal.put("job", job.guid, _entry(job, item, vault))
        return job


def _entry(job: Job, item: Item, vault: Vault) -> dict[str, Any]:
    return {
        "username": job.username,
        "device_id": job.device.device_id,
        "item": {
            "guid": item.guid,
            "rule_guid": item.rule_guid,
            "engine": item.engine,
            "description": item.description,
            "hour": item.hour,
            "size_bytes": item.size_bytes,
        },
        "vault": {
            "guid": vault.guid,
            "description": vault.description,
            "destination_type": vault.destination_type,
            "base_bytes": vault.base_bytes,
            "growth_bytes": vault.growth_bytes,
            "created_at": vault.created_at,
        },
        "begins_at": job.begins_at,
        "ends_at": job.ends_at,
        "status": job.status,
        "cause": job.cause,
        "by_schedule": job.by_schedule,
    }


def _recall(guid: str, entry: dict[str, Any], device: Device) -> Job:
    vault = Vault(**entry["vault"])
    return Job(
        guid=guid,
        device=device,
        item=Item(**entry["item"], vaults=(vault,)),
        vault=vault,
        classification=BACKUP,
        status=entry["status"],
        begins_at=entry["begins_at"],
        ends_at=entry["ends_at"],
        appears_at=entry["begins_at"],
        cause=entry["cause"],
        by_schedule=entry["by_schedule"],
    )
