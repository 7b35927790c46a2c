"""How often one browser may open sockets, and how many it may hold: what is more costs no query."""

import time
from collections import Counter, OrderedDict
from typing import Final

BURST: Final = 60
"""Sockets a browser may open at once, such as all its tabs after a restart of the portal."""

PER_SECOND: Final = 2.0
"""How fast it may go on."""

MOST_OPEN: Final = 100
REMEMBERED: Final = 10_000
"""Browsers whose pace is known; the one that was quiet for longest is forgotten first."""


class Joins:
    """The paces of one process, by session key."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def may_try(self, key: str) -> bool:
        """Whether this browser may open one more socket now; that counts as having tried."""
        now = time.monotonic()
        left, since = self._left.pop(key, (float(BURST), now))
        left = min(BURST, left + (now - since) * PER_SECOND)
        allowed = left >= 1 and self._open.get(key, 0) < MOST_OPEN
        self._left[key] = (left - 1 if allowed else left, now)
        if len(self._left) > REMEMBERED:
            self._left.popitem(last=False)
        return allowed

    def opened(self, key: str) -> None:
        self._open[key] += 1

    def closed(self, key: str) -> None:
        self._open[key] -= 1
        if self._open[key] <= 0:
            del self._open[key]
