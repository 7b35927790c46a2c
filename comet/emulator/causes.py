"""Why jobs go wrong: the line a failed job leaves in its log."""

from comet.emulator.draw import Draw
from comet.emulator.job import ABANDONED, CANCELLED, ERROR, MISSED, QUOTA, SKIPPED, TIMEOUT, WARNING, Job

ERRORS = (
    "Couldn't connect to Storage Vault '{vault}': dial tcp 203.0.113.40:443: connection timed out",
    "Storage Vault '{vault}' is locked by another device; the lock is 3 days old",
    "Snapshot of volume C: failed: VSS_E_INSUFFICIENT_STORAGE (0x8004231f)",
    "Writing to '{vault}' failed: there is not enough space on the disk",
    "SQL Server instance MSSQLSERVER refused the login of the backup service",
    "Couldn't open '{path}': access is denied",
    "The network path of '{vault}' was not found",
    "TLS handshake with the storage server failed: certificate has expired",
    "Reading from disk failed at block 48211904: input/output error",
    "The access key for '{vault}' was rejected: SignatureDoesNotMatch",
    "Virtual machine 'APP-02' has checkpoints that can't be merged",
    "Running the command before the backup returned exit code 1",
)
WARNINGS = (
    "3 files were skipped because another process has them open: {path}",
    "Couldn't read extended attributes of {path}",
    "Path no longer exists and was not backed up: {path}",
    "The volume was backed up without a snapshot; open files may be inconsistent",
    "Database 'tempdb_reporting' was offline and was left out",
    "System clock is 94 seconds behind the server",
)
_BY_STATUS = {
    QUOTA: "Storage limit of '{vault}' is reached; no more data can be stored",
    TIMEOUT: "The job was stopped because it ran longer than its time limit",
    MISSED: "The scheduled time passed without the device starting this backup",
    CANCELLED: "The job was cancelled",
    SKIPPED: "Skipped: an earlier job of this Protected Item is still running",
    ABANDONED: "The job was abandoned: the device has not reported on it",
}
_PATHS = {
    "windows": ("C:\\Users\\Public\\ledger.xlsx", "D:\\Shared\\orders.mdb", "C:\\ProgramData\\App\\lock.db"),
    "linux": ("/srv/data/exports/current.csv", "/var/lib/app/session.lock", "/home/shared/reports.ods"),
    "darwin": ("/Users/Shared/Library/Catalog.db", "/Users/studio/Projects/master.psd"),
}  # fmt: skip


def is_trouble(status: int) -> bool:
    """Whether a job of this final status has a cause to tell."""
    return status in (WARNING, ERROR) or status in _BY_STATUS


def cause_of(job: Job) -> str:
    """The sentence that says what went wrong; empty for a job that went well."""
    if job.status == ERROR:
        template = ERRORS[job.cause % len(ERRORS)]
    elif job.status == WARNING:
        template = WARNINGS[job.cause % len(WARNINGS)]
    else:
        template = _BY_STATUS.get(job.status, "")
    path = Draw("path", job.device.device_id, job.cause).pick(_PATHS[job.device.platform[0]])
    return template.format(vault=job.vault.description if job.vault else "", path=path)
