"""What a person reads for Comet's kinds of Job."""

from typing import Final

from comet.constants import JobClassification

KINDS: Final[dict[int, str]] = {
    JobClassification.UNKNOWN: "Unknown",
    JobClassification.BACKUP: "Backup",
    JobClassification.RESTORE: "Restore",
    JobClassification.RETENTION: "Retention pass",
    JobClassification.UNLOCK: "Vault unlock",
    JobClassification.DELETE_CUSTOM: "Deletion",
    JobClassification.REMEASURE: "Size measurement",
    JobClassification.UPDATE: "Software update",
    JobClassification.IMPORT: "Import",
    JobClassification.REINDEX: "Vault reindex",
    JobClassification.DEEPVERIFY: "Deep verify",
    JobClassification.UNINSTALL: "Uninstallation",
}


def kind_of(classification: int) -> str:
    """The kind's word; its number where this code does not know it."""
    return KINDS.get(classification, f"Kind {classification}")
