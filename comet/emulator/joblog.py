"""The log of a job, as far as it has come."""

from dataclasses import dataclass

from comet.emulator.causes import cause_of, is_trouble
from comet.emulator.job import BACKUP, ERROR, MISSED, SKIPPED, SUCCESS, WARNING, Job, wire

SEVERITIES = "DIWE"
_LINES_AT_MOST = 40
_TITLES = {
    4001: "backup", 4002: "restore", 4003: "retention pass", 4004: "unlock", 4005: "snapshot deletion",
    4006: "vault measurement", 4007: "software update", 4008: "settings import", 4009: "vault reindex",
    4010: "deep verify", 4011: "uninstall",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    time: int
    severity: str
    message: str


def lines(job: Job, now: float) -> list[Line]:
    """The log up to `now`, oldest first. A running job's log grows."""
    title = _TITLES[job.classification]
    if job.status in (MISSED, SKIPPED):
        severity = "W" if job.status == SKIPPED else "E"
        return [Line(job.appears_at, severity, cause_of(job))]
    told = [
        Line(
            job.begins_at, "I", f"Starting {title} on '{job.device.name}' with version {job.device.version}"
        ),
        Line(job.begins_at, "D", f"Operating system {job.device.platform[2]}, {job.device.platform_name}"),
    ]
    if job.item:
        told.append(Line(job.begins_at, "I", f"Protected Item '{job.item.description}' ({job.item.engine})"))
    if job.vault:
        told.append(Line(job.begins_at + 1, "I", f"Opening Storage Vault '{job.vault.description}'"))
    told.extend(_progress_lines(job))
    told.extend(_closing_lines(job, title))
    heard_until = (
        min(now, job.begins_at + job.stalls_after) if job.stalls_after and job.is_running(now) else now
    )
    return [line for line in told if line.time <= heard_until]


def text(job: Job, now: float) -> str:
    """The log as the plain text a person reads."""
    return "".join(f"{line.time} {line.severity} {line.message}\n" for line in lines(job, now))


def _progress_lines(job: Job) -> list[Line]:
    if job.item is None:
        return []
    duration = job.ends_at - job.begins_at
    step = max(5, duration // _LINES_AT_MOST)
    told = []
    for moment in range(job.begins_at + step, job.ends_at, step):
        detail = wire(job, moment)
        done = detail.get("Progress")
        if done is None:
            continue  # nothing was heard while it counted as given up
        told.append(
            Line(moment, "I", f"{done['ItemsDone']} of {done['ItemsTotal']} items, {done['BytesDone']} bytes")
        )
    return told


def _closing_lines(job: Job, title: str) -> list[Line]:
    told = []
    if is_trouble(job.status):
        severity = "W" if job.status == WARNING else "E"
        told.append(Line(job.ends_at, severity, cause_of(job)))
    detail = wire(job, job.ends_at)
    if job.classification == BACKUP and job.status in (SUCCESS, WARNING):
        told.append(
            Line(job.ends_at, "I", f"Stored {detail['UploadSize']} bytes in {detail['TotalChunks']} chunks")
        )
    outcome = {SUCCESS: "finished", WARNING: "finished with warnings", ERROR: "failed"}.get(
        job.status, "stopped"
    )
    told.append(Line(job.ends_at, "I", f"The {title} {outcome}"))
    return told
