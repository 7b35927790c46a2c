"""What the portal refuses or sets aside: counted each time, said in the log at most once a minute.

Whoever sends nonsense decides how often it comes; what that costs here is one addition.
"""

import threading
import time
from typing import Final

import structlog

from portal.core.metrics import count

SAY_EVERY_SECONDS: Final = 60.0

log = structlog.get_logger(__name__)


class Said:
    """When this process last said what, and how often it was silent since. What is told apart is few."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until: dict[tuple[str, str], float] = {}
        self._silent: dict[tuple[str, str], int] = {}

    def silences_before(self, what: tuple[str, str]) -> int | None:
        """How many were not said since the last one that was; None where this one is not said either."""
        now = time.monotonic()
        with self._lock:
            if now < self._until.get(what, 0.0):
                self._silent[what] = self._silent.get(what, 0) + 1
                return None
            self._until[what] = now + SAY_EVERY_SECONDS
            return self._silent.pop(what, 0)

    def forget(self) -> None:
        with self._lock:
            self._until.clear()
            self._silent.clear()


said = Said()


def note_refusal(door: str, reason: str, **details: object) -> None:
    """Count what `door` (stream, webhook, socket, http) refused, and say it if that is news.

    Both words are labels of `/metrics`, so there are few of them; `details` are of this one case.
    """
    count("refused", door=door, reason=reason)
    silent = said.silences_before((door, reason))
    if silent is not None:
        log.warning(f"{door}.refused", reason=reason, silent_before=silent, **details)
