"""Why jobs go wrong: the line a failed job leaves in its log."""

from dataclasses import dataclass

from comet.emulator.draw import Draw
from comet.emulator.job import ABANDONED, CANCELLED, ERROR, MISSED, QUOTA, SKIPPED, TIMEOUT, WARNING, Job

_FILE, _DISK = ("engine1/file",), ("engine1/windisk",)
_MSSQL, _MYSQL, _MONGO = ("engine1/mssql",), ("engine1/mysql",), ("engine1/mongodb",)
_GUESTS = ("engine1/hyperv", "engine1/vmware", "engine1/proxmox")
_SHADOW = ("engine1/exchangeedb", "engine1/systemstate", "engine1/vsswriter")
_LOCAL, _CLOUD = (1002,), (1000, 1003, 1008)


@dataclass(frozen=True, slots=True)
class Template:
    """A sentence, and the engines, systems and kinds of vault it can be about; empty means any."""

    text: str
    engines: tuple[str, ...] = ()
    systems: tuple[str, ...] = ()
    vaults: tuple[int, ...] = ()

    def fits(self, job: Job) -> bool:
        if self.engines and (job.item is None or job.item.engine not in self.engines):
            return False
        if self.systems and job.device.platform[0] not in self.systems:
            return False
        return not self.vaults or (job.vault is not None and job.vault.destination_type in self.vaults)


_ERRORS = (
    Template(
        "Couldn't connect to Storage Vault '{vault}': dial tcp 203.0.113.40:443: timed out", vaults=_CLOUD
    ),
    Template("The access key for '{vault}' was rejected: SignatureDoesNotMatch", vaults=_CLOUD),
    Template("TLS handshake with the storage of '{vault}' failed: certificate has expired", vaults=_CLOUD),
    Template("Writing to '{vault}' failed: there is not enough space on the disk", vaults=_LOCAL),
    Template("The network path of '{vault}' was not found", vaults=_LOCAL),
    Template("Storage Vault '{vault}' is locked by another device; the lock is 3 days old"),
    Template("Running the command before the backup returned exit code 1"),
    Template(
        "Snapshot of volume C: failed: VSS_E_INSUFFICIENT_STORAGE (0x8004231f)", _FILE + _DISK, ("windows",)
    ),
    Template("A shadow copy provider had an unexpected error (0x8004230f)", _SHADOW, ("windows",)),
    Template("Couldn't open '{path}': access is denied", _FILE, ("windows",)),
    Template("Couldn't open '{path}': permission denied", _FILE, ("linux",)),
    Template(
        "Couldn't open '{path}': operation not permitted; Full Disk Access is missing", _FILE, ("darwin",)
    ),
    Template("Reading from disk failed at block 48211904: input/output error", _DISK),
    Template("SQL Server instance MSSQLSERVER refused the login of the backup service", _MSSQL),
    Template("SQL Server reports that database 'erp_live' is in state SUSPECT", _MSSQL),
    Template("mysqldump: Got error: 1045: Access denied for user 'backup'@'localhost'", _MYSQL),
    Template("mongodump: could not connect to server: connection refused", _MONGO),
    Template("The command ended with exit code 2 before its output was read to the end", ("engine1/stdout",)),
    Template("Virtual machine 'APP-02' has checkpoints that can't be merged", _GUESTS),
)
_WARNINGS = (
    Template("3 files were skipped because another process has them open: {path}", _FILE, ("windows",)),
    Template("Couldn't read extended attributes of {path}", _FILE, ("linux", "darwin")),
    Template("Path no longer exists and was not backed up: {path}", _FILE),
    Template("The volume was backed up without a snapshot; open files may be inconsistent", _FILE),
    Template("2 clusters of a damaged sector were left out", _DISK),
    Template("Database 'tempdb_reporting' was offline and was left out", _MSSQL + _MYSQL + _MONGO),
    Template("Virtual machine 'WEB-04' was switched off and backed up as it was", _GUESTS),
    Template("System clock is 94 seconds behind the server"),
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
    if job.status in (ERROR, WARNING):
        fitting = [t for t in (_ERRORS if job.status == ERROR else _WARNINGS) if t.fits(job)]
        template = fitting[job.cause % len(fitting)].text
    else:
        template = _BY_STATUS.get(job.status, "")
    path = Draw("path", job.device.device_id, job.cause).pick(_PATHS[job.device.platform[0]])
    return template.format(vault=job.vault.description if job.vault else "", path=path)
