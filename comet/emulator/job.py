"""One job: what was planned, and how it looks on the wire at a given moment."""

from dataclasses import dataclass, field
from typing import Any

from comet.emulator.draw import Draw
from comet.emulator.population import Device, Item, Vault

BACKUP, RESTORE, RETENTION, UNLOCK, DELETE, MEASURE = 4001, 4002, 4003, 4004, 4005, 4006
UPDATE, IMPORT, REINDEX, DEEP_VERIFY, UNINSTALL = 4007, 4008, 4009, 4010, 4011
SUCCESS, ACTIVE, REVIVED, TRY_AGAIN, NOT_YET_STARTED = 5000, 6001, 6002, 6003, 6004
TIMEOUT, WARNING, ERROR, QUOTA = 7000, 7001, 7002, 7003
MISSED, CANCELLED, SKIPPED, ABANDONED = 7004, 7005, 7006, 7007

_CHUNK_BYTES = 1_500_000
_STALLED_JOB_SECONDS = 3600  # what a job whose machine died would have taken


@dataclass(slots=True)
class Job:
    """A job from plan to end. Times are virtual Unix seconds.

    `appears_at` is when the server learns of it (later than `begins_at` for missed jobs); `status` is the one
    it ends with. `stalls_after` > 0 means that its machine died that many seconds in: no progress since.
    `extra` are fields of the wire that say what a call asked for. In each of `waits` (from, until) it pauses
    before another attempt; `lead` is for how many seconds only the server knows of it; from
    `abandoned_at` on it counts as given up, until its device reports again at `revives_at`.
    """

    guid: str
    device: Device
    item: Item | None
    vault: Vault | None
    classification: int
    status: int
    begins_at: int
    ends_at: int
    appears_at: int
    cause: int = 0
    stalls_after: int = 0
    by_schedule: bool = True
    extra: dict[str, Any] = field(default_factory=dict)
    waits: tuple[tuple[int, int], ...] = ()
    lead: int = 0
    abandoned_at: int = 0
    revives_at: int = 0

    @property
    def username(self) -> str:
        return self.device.username

    def is_visible(self, now: float) -> bool:
        return self.appears_at <= now

    def is_running(self, now: float) -> bool:
        return self.appears_at <= now < self.ends_at and not self.is_given_up(now)

    def is_given_up(self, now: float) -> bool:
        """Whether it was marked as abandoned, and has not been heard of since."""
        return self.abandoned_at > 0 and self.abandoned_at <= now < self.revives_at

    def state(self, now: float) -> int:
        """Its JOB_STATUS_ number."""
        if self.is_given_up(now):
            return ABANDONED
        if not self.is_running(now):
            return self.status
        if any(begins <= now < ends for begins, ends in self.waits):
            return TRY_AGAIN
        if now < self.begins_at + self.lead:
            return NOT_YET_STARTED
        return REVIVED if self.abandoned_at else ACTIVE


def wire(job: Job, now: float) -> dict[str, Any]:
    """The job as BackupJobDetail."""
    running = job.is_running(now)
    draw = Draw("size", job.guid)
    size = int(job.item.size_bytes * (0.97 + 0.06 * draw.unit())) if job.item else 0
    files = max(1, size // draw.between(180_000, 2_400_000)) if size else 0
    upload_share = 0.002 + 0.03 * draw.unit() ** 3
    final_share = 1.0 if job.status in (SUCCESS, WARNING) else 0.85 * draw.unit()
    if job.ends_at == job.begins_at:
        final_share = 0.0
    elapsed = max(0, int(now) - job.begins_at)
    if job.stalls_after:
        elapsed = min(elapsed, job.stalls_after)
    share = _share_done(job, elapsed, final_share) if running else final_share
    moved = job.classification in (BACKUP, IMPORT)
    size = job.extra.get("KnownByteCount") or size
    files = job.extra.get("KnownFileCount") or files
    detail: dict[str, Any] = {
        "GUID": job.guid,
        "Username": job.username,
        "Classification": job.classification,
        "Status": job.state(now),
        "StartTime": job.begins_at,
        "EndTime": 0 if running else job.abandoned_at if job.is_given_up(now) else job.ends_at,
        "RetryCount": sum(now >= until for _, until in job.waits),
        "SourceGUID": job.item.guid if job.item else "",
        "DestinationGUID": job.vault.guid if job.vault else "",
        "DeviceID": job.device.device_id,
        "ClientVersion": job.device.version,
        "TotalDirectories": int(files * share) // 9,
        "TotalFiles": int(files * share),
        "TotalSize": int(size * share),
        "TotalChunks": int(size * share) // _CHUNK_BYTES,
        "UploadSize": int(size * share * upload_share) if moved else 0,
        "DownloadSize": int(size * share) if job.classification == RESTORE else int(size * share * 0.0004),
    }
    if job.classification == BACKUP:
        _add_backup_fields(detail, job, running)
    if tags := job.extra.get("Tags"):
        detail["Tags"] = tags
    if snapshot := job.extra.get("SnapshotID"):
        detail["SnapshotID"] = snapshot
    if running:
        detail["CancellationID"] = Draw("cancel", job.guid).guid()
        detail["Progress"] = {
            "Counter": elapsed + 1,
            "SentTime": job.begins_at + elapsed,
            "RecievedTime": job.begins_at + elapsed,
            "BytesDone": int(size * share),
            "ItemsDone": int(files * share),
            "ItemsTotal": files,
        }
    if job.vault and job.ends_at > job.begins_at:
        detail["DestinationSizeStart"] = _measured(job.vault.size_at(job.begins_at), job.begins_at)
        if not running:
            detail["DestinationSizeEnd"] = _measured(job.vault.size_at(job.ends_at), job.ends_at)
    return detail


def _share_done(job: Job, elapsed: int, final_share: float) -> float:
    """How much of its data a running job has been through, up to what it will reach."""
    meant_to_take = _STALLED_JOB_SECONDS if job.stalls_after else max(1, job.ends_at - job.begins_at)
    return min(1.0, elapsed / meant_to_take) * max(final_share, 0.05)


def _add_backup_fields(detail: dict[str, Any], job: Job, running: bool) -> None:
    if not running and job.status in (SUCCESS, WARNING):
        detail["SnapshotID"] = Draw("snapshot", job.guid).hex(64)
    if job.by_schedule and job.item:
        detail["BackupRuleGUID"] = job.item.rule_guid
    if job.item and job.item.engine in ("engine1/hyperv", "engine1/vmware", "engine1/proxmox"):
        detail["TotalVmCount"] = Draw("guests", job.item.guid).between(2, 12)


def _measured(size: int, moment: int) -> dict[str, int]:
    return {"Size": size, "MeasureStarted": moment, "MeasureCompleted": moment}
