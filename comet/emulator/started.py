"""Jobs that API calls started. They are in no plan, so the journal keeps them."""

from typing import Any

from comet.emulator.clock import Clock
from comet.emulator.draw import Draw
from comet.emulator.fleet import Fleet
from comet.emulator.job import BACKUP, SUCCESS, WARNING, Job
from comet.emulator.journal import Journal
from comet.emulator.plan import Plan
from comet.emulator.population import Device, Item, Vault

_ITEM_FIELDS = ("guid", "rule_guid", "engine", "description", "hour", "size_bytes")
_VAULT_FIELDS = ("guid", "description", "destination_type", "base_bytes", "growth_bytes", "created_at")
_ORDERED = "ordered outcome"
_OUTCOMES = ((SUCCESS, 96.0), (WARNING, 4.0))


class StartedJobs:
    """Starts jobs and remembers them."""

    def __init__(self, seed: int, plan: Plan, fleet: Fleet, clock: Clock, journal: Journal) -> None:
        self._seed = seed
        self._plan = plan
        self._clock = clock
        self._journal = journal
        self._jobs: dict[str, Job] = {}
        for guid, entry in journal.all("job").items():
            if (device := fleet.get(entry["username"], entry["device_id"])) is not None:
                self._jobs[guid] = _recall(guid, entry, device)

    def __len__(self) -> int:
        return len(self._jobs)

    def all(self) -> list[Job]:
        return list(self._jobs.values())

    def get(self, guid: str) -> Job | None:
        return self._jobs.get(guid)

    def guid(self, begins_at: int, draw: Draw) -> str:
        """The GUID of a job that begins at that moment."""
        return self._plan.job_guid(begins_at, draw)

    def order(self, device: Device, statuses: list[int]) -> list[int]:
        """Let the device's next backups end so; what is waiting then."""
        waiting = [*(self._journal.get(_ORDERED, _key(device)) or []), *statuses]
        self._journal.put(_ORDERED, _key(device), waiting)
        return waiting

    def outcome(self, device: Device, draw: Draw) -> int:
        """How the device's next backup ends: as was ordered, or by chance."""
        waiting = self._journal.get(_ORDERED, _key(device))
        if not waiting:
            return draw.weighted(_OUTCOMES)
        status: int = waiting[0]
        self._journal.put(_ORDERED, _key(device), waiting[1:])
        return status

    def start(
        self,
        *,
        device: Device,
        item: Item | None,
        vault: Vault | None,
        by_schedule: bool = False,
        seconds: int | None = None,
        status: int | None = None,
        classification: int = BACKUP,
        extra: dict[str, Any] | None = None,
        lead: int = 0,
        at: int | None = None,
        guid: str = "",
        waits: tuple[tuple[int, int], ...] = (),
        appears_at: int = 0,
    ) -> Job:
        """Begin a job now. Unless said otherwise it runs 20 to 60 s and nearly always succeeds."""
        now = self._clock.seconds() if at is None else at
        draw = Draw(self._seed, "started", device.device_id, item.guid if item else "", now, len(self._jobs))
        job = Job(
            guid=guid or self.guid(now, draw),
            device=device,
            item=item,
            vault=vault,
            classification=classification,
            status=self._status(device, classification, draw) if status is None else status,
            begins_at=now,
            ends_at=now + (draw.between(20, 60) if seconds is None else seconds),
            appears_at=appears_at or now,
            cause=draw.between(0, 999),
            by_schedule=by_schedule,
            extra=extra or {},
            waits=waits,
            lead=lead,
        )
        self._jobs[job.guid] = job
        self._journal.put("job", job.guid, _entry(job, item, vault))
        return job

    def _status(self, device: Device, classification: int, draw: Draw) -> int:
        return self.outcome(device, draw) if classification == BACKUP else draw.weighted(_OUTCOMES)


def _key(device: Device) -> str:
    return f"{device.username}/{device.device_id}"


def _entry(job: Job, item: Item | None, vault: Vault | None) -> dict[str, Any]:
    return {
        "username": job.username,
        "device_id": job.device.device_id,
        "item": {name: getattr(item, name) for name in _ITEM_FIELDS} if item else None,
        "vault": {name: getattr(vault, name) for name in _VAULT_FIELDS} if vault else None,
        "classification": job.classification,
        "begins_at": job.begins_at,
        "ends_at": job.ends_at,
        "status": job.status,
        "cause": job.cause,
        "by_schedule": job.by_schedule,
        "extra": job.extra,
        "lead": job.lead,
        "waits": job.waits,
        "appears_at": job.appears_at,
    }


def _recall(guid: str, entry: dict[str, Any], device: Device) -> Job:
    vault = Vault(**entry["vault"]) if entry["vault"] else None
    return Job(
        guid=guid,
        device=device,
        item=Item(**entry["item"], vaults=(vault,) if vault else ()) if entry["item"] else None,
        vault=vault,
        classification=entry.get("classification", BACKUP),
        status=entry["status"],
        begins_at=entry["begins_at"],
        ends_at=entry["ends_at"],
        appears_at=entry.get("appears_at", entry["begins_at"]),
        waits=tuple((begins, ends) for begins, ends in entry.get("waits", ())),
        cause=entry["cause"],
        by_schedule=entry["by_schedule"],
        extra=entry.get("extra", {}),
        lead=entry.get("lead", 0),
    )
