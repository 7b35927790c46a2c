"""What backups left in the Storage Vaults: snapshots, and the tree of files inside each.

Nothing is kept: a snapshot is a job that stored something, its tree is drawn from the Protected Item's GUID.
"""

import binascii
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from comet.emulator.draw import Draw
from comet.emulator.errors import bad_request
from comet.emulator.job import BACKUP, SUCCESS, WARNING, Job, wire
from comet.emulator.jobs import JobBook
from comet.emulator.journal import Journal

Wire = dict[str, Any]
_DEEPEST = 4
_FOLDERS = ("Accounts", "Archive", "Contracts", "Exports", "Images", "Invoices", "Mail", "Orders", "Projects")
_NAMES = (
    "budget",
    "contract",
    "invoice",
    "ledger",
    "minutes",
    "offer",
    "plan",
    "report",
    "stock",
    "timesheet",
)
_ENDINGS = ("csv", "docx", "jpg", "pdf", "txt", "xlsx")
_DATABASES = ("crm", "erp_live", "master", "msdb", "orders", "payroll")
_MACHINES = ("APP-01", "DC-02", "FILE-03", "WEB-04")
_WRITERS = ("COM+ REGDB Writer", "Registry Writer", "System Writer", "WMI Writer")
_DISK_ENGINES = ("engine1/windisk", "engine1/hyperv", "engine1/vmware", "engine1/proxmox")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`job` is the backup that made it."""

    guid: str
    job: Job

    @property
    def engine(self) -> str:
        return self.job.item.engine if self.job.item else ""


class Snapshots:
    """Finds snapshots by vault, and remembers which were deleted."""

    def __init__(self, jobs: JobBook, journal: Journal) -> None:
        self._jobs = jobs
        self._journal = journal

    def in_vault(self, username: str, vault_guid: str, now: float) -> list[Snapshot]:
        """The snapshots of one user's vault, newest first."""
        found = [
            Snapshot(wire(job, now)["SnapshotID"], job)
            for job in self._jobs.of_user(username)
            if job.vault is not None and job.vault.guid == vault_guid and _stored_something(job, now)
        ]
        kept = [snapshot for snapshot in found if self._journal.get("deleted", snapshot.guid) is None]
        return sorted(kept, key=lambda snapshot: snapshot.job.begins_at, reverse=True)

    def find(self, username: str, vault_guid: str, guid: str, now: float) -> Snapshot:
        for snapshot in self.in_vault(username, vault_guid, now):
            if snapshot.guid == guid:
                return snapshot
        raise bad_request("Snapshot not found")

    def delete(self, guids: list[str]) -> None:
        for guid in guids:
            self._journal.put("deleted", guid, True)


def vault_snapshot(snapshot: Snapshot) -> Wire:
    """VaultSnapshot."""
    job = snapshot.job
    shown: Wire = {
        "Snapshot": snapshot.guid,
        "EngineType": snapshot.engine,
        "Source": job.item.guid if job.item else "",
        "CreateTime": job.begins_at,
        "HasOriginalPathInfo": snapshot.engine == "engine1/file",
    }
    if tags := job.extra.get("Tags"):
        shown["Tags"] = [tag.strip() for tag in tags.split(",")]
    return shown


def stored_objects(snapshot: Snapshot, tree_id: str) -> list[Wire]:
    """StoredObject list: one level of a snapshot, the top one if `tree_id` is empty."""
    path = _path_of(tree_id)
    return [_object(snapshot, entry) for entry in _level(snapshot, path)]


def walk(snapshot: Snapshot, path: tuple[str, ...] = ()) -> Iterator["Entry"]:
    """Everything in a snapshot, folders before what they hold."""
    for entry in _level(snapshot, path):
        yield entry
        if entry.is_folder:
            yield from walk(snapshot, entry.path)


def search_result(snapshot: Snapshot, entry: "Entry") -> Wire:
    """SearchResultFileInfo."""
    modified = datetime.fromtimestamp(entry.modified_at, UTC).isoformat().replace("+00:00", "Z")
    return {
        "path": "/".join(entry.path),
        "name": entry.path[-1],
        "type": _object(snapshot, entry)["type"],
        "mode": "drwxr-xr-x" if entry.is_folder else "-rw-r--r--",
        "mtime": modified,
        "atime": modified,
        "ctime": modified,
        "size": entry.size,
    }


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or folder by its path inside a snapshot."""

    path: tuple[str, ...]
    is_folder: bool
    size: int
    modified_at: int


def folder(seed_name: str, path: tuple[str, ...], before: int) -> list[Entry]:
    """What a folder of an invented file system holds; nothing in it is newer than `before`."""
    return [
        Entry((*path, name), is_folder, size, before - age % (before // 2 or 1))
        for name, is_folder, size, age in _drawn_folder(seed_name, path)
    ]


@lru_cache(maxsize=20_000)
def _drawn_folder(seed_name: str, path: tuple[str, ...]) -> list[tuple[str, bool, int, int]]:
    draw = Draw("tree", seed_name, *path)
    entries: list[tuple[str, bool, int, int]] = []
    if len(path) < _DEEPEST:
        for name in draw.shuffled(_FOLDERS)[: draw.between(2, 4)]:
            entries.append((name, True, 0, draw.between(3600, 200 * 86_400)))
    for number in range(draw.between(3, 9)):
        name = f"{draw.pick(_NAMES)}-{number + 1:02}.{draw.pick(_ENDINGS)}"
        entries.append((name, False, int(900 * 2 ** (draw.unit() * 14)), draw.between(60, 400 * 86_400)))
    return entries


def _level(snapshot: Snapshot, path: tuple[str, ...]) -> list[Entry]:
    item, moment = snapshot.job.item, snapshot.job.begins_at
    if item is None:
        return []
    if not path:
        return [Entry((name,), is_folder, size, moment) for name, is_folder, size in _tops(snapshot)]
    if snapshot.engine != "engine1/file":
        return []
    return folder(item.guid, path, moment)


def _tops(snapshot: Snapshot) -> list[tuple[str, bool, int]]:
    """The top level, by the kind of Protected Item."""
    item = snapshot.job.item
    if item is None:
        return []
    draw = Draw("tops", item.guid)
    if snapshot.engine == "engine1/file":
        root = "C:" if snapshot.job.device.platform[0] == "windows" else "root"
        return [(root, True, 0)]
    if snapshot.engine in _DISK_ENGINES:
        names = ["disk0.vmdk", "disk1.vmdk"] if snapshot.engine == "engine1/windisk" else list(_MACHINES)
        return [(name, False, item.size_bytes // len(names)) for name in names]
    if snapshot.engine in ("engine1/mssql", "engine1/mysql", "engine1/mongodb", "engine1/exchangeedb"):
        chosen = draw.shuffled(_DATABASES)[:4]
        return [(f"{name}.dump", False, item.size_bytes // 4) for name in chosen]
    if snapshot.engine in ("engine1/systemstate", "engine1/vsswriter", "engine1/windowssystem"):
        return [(name, False, item.size_bytes // 4) for name in _WRITERS]
    return [("stdout", False, item.size_bytes)]


def _object(snapshot: Snapshot, entry: Entry) -> Wire:
    windows = snapshot.job.device.platform[0] == "windows"
    kind = ("windir" if windows else "dir") if entry.is_folder else ("winfile" if windows else "file")
    return {
        "name": entry.path[-1],
        "mtime": entry.modified_at,
        "type": kind,
        "subtree": tree_id(entry.path) if entry.is_folder else "",
        "size": entry.size,
    }


def tree_id(path: tuple[str, ...]) -> str:
    """The opaque ID by which a folder is asked for."""
    return "\0".join(path).encode().hex()


def _path_of(given: str) -> tuple[str, ...]:
    try:
        text = binascii.unhexlify(given).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise bad_request("Tree not found") from None
    return tuple(text.split("\0")) if text else ()


def _stored_something(job: Job, now: float) -> bool:
    return job.classification == BACKUP and job.status in (SUCCESS, WARNING) and not job.is_running(now)
