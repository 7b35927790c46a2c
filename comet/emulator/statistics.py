"""The last backups of every Protected Item and into every Storage Vault."""

from dataclasses import dataclass, field

from comet.emulator.job import BACKUP, SUCCESS, WARNING, Job


@dataclass(slots=True)
class ItemBackups:
    """The newest ended backup of one Protected Item, and the newest that stored something."""

    newest: Job
    newest_good: Job | None = None


@dataclass(slots=True)
class LastBackups:
    """By GUID of the Protected Item, and of the Storage Vault. Fed with ended jobs in any order."""

    of_item: dict[str, ItemBackups] = field(default_factory=dict)
    into_vault: dict[str, Job] = field(default_factory=dict)

    def note(self, job: Job) -> None:
        """Enter an ended job, if it is a backup and newer than what is held."""
        if job.classification != BACKUP or job.item is None:
            return
        entry = self.of_item.setdefault(job.item.guid, ItemBackups(newest=job))
        if job.ends_at >= entry.newest.ends_at:
            entry.newest = job
        if job.status not in (SUCCESS, WARNING):
            return
        if entry.newest_good is None or job.ends_at >= entry.newest_good.ends_at:
            entry.newest_good = job
        if job.vault is not None:
            held = self.into_vault.get(job.vault.guid)
            if held is None or job.ends_at >= held.ends_at:
                self.into_vault[job.vault.guid] = job

    def is_complete(self, items: set[str], vaults: set[str]) -> bool:
        """Whether a good backup of each of these items, and into each of these vaults, is held."""
        held = (self.of_item.get(guid) for guid in items)
        return all(entry and entry.newest_good for entry in held) and vaults <= self.into_vault.keys()
