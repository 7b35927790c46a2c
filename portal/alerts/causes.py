"""Why an alert is open, and how that is told."""

import re
from typing import Final

from django.db import models

from comet.constants import JobStatus
from portal.core.states import State


class Cause(models.TextChoices):
    """The value is what rows store; the label is what people read."""

    FAILED = "failed", "Backup failed"
    MISSED = "missed", "Backup missed"
    INTERRUPTED = "interrupted", "Backup interrupted"
    SILENT = "silent", "No backup for long"
    STALE = "stale", "Server is silent"
    UNREACHABLE = "unreachable", "Vault unreachable"
    QUOTA = "quota", "Vault is full"


OF_ITEM: Final = {
    State.FAILED: Cause.FAILED,
    State.MISSED: Cause.MISSED,
    State.INTERRUPTED: Cause.INTERRUPTED,
}
"""States of a Protected Item that open an alert. A warning opens none: there is something to restore from."""

STATE_OF: Final = {
    Cause.FAILED: State.FAILED,
    Cause.MISSED: State.MISSED,
    Cause.INTERRUPTED: State.INTERRUPTED,
    Cause.SILENT: State.UNKNOWN,
    Cause.STALE: State.UNKNOWN,
    Cause.UNREACHABLE: State.FAILED,
    Cause.QUOTA: State.FAILED,
}
"""How each is drawn."""

_VAULT: Final = re.compile(r"storage vault|storage of '", re.IGNORECASE)
_NO_WAY: Final = re.compile(
    r"connect|unreachable|timed out|no such host|refused|handshake|network path", re.IGNORECASE
)


def cause_at_vault(status: int, message: str) -> Cause | None:
    """What a failed backup says of the Storage Vault it went to; None where it says nothing of it.

    A full vault has a status number of its own. That a vault was not reached stands in the log alone,
    in the English of Comet's client: a line that is not recognised leaves the alert of the item.
    """
    if status == JobStatus.FAILED_QUOTA:
        return Cause.QUOTA
    if status == JobStatus.FAILED_ERROR and _VAULT.search(message) and _NO_WAY.search(message):
        return Cause.UNREACHABLE
    return None
