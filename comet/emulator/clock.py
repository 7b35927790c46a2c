"""The emulator's own time: it may run faster than the wall clock, and can be moved forward."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Clock:
    """Virtual Unix time in seconds.

    Begins at `starts_at` (now by default) and runs `speed` times as fast as the wall clock; `advance` adds
    to it. Sessions age by `idle_now()`, which follows `advance` but not `speed`: a signed-in person does not
    type faster because the devices do. `drift` is by how much the time that the server tells is wrong.
    """

    speed: float = 1.0
    starts_at: float | None = None
    advanced: float = 0.0
    drift: float = 0.0
    _wall_anchor: float = field(default_factory=time.time)
    _anchor: float = field(init=False)
    _held_at: float | None = None

    def __post_init__(self) -> None:
        self._anchor = self._wall_anchor if self.starts_at is None else self.starts_at

    def now(self) -> float:
        if self._held_at is not None:
            return self._held_at
        return self._anchor + (time.time() - self._wall_anchor) * self.speed + self.advanced

    def seconds(self) -> int:
        """Virtual time in whole Unix seconds, as the API writes it."""
        return int(self.now())

    @contextmanager
    def held_at(self, moment: float) -> Iterator[None]:
        """Something that was due at a moment happens at that moment, however late it is noticed."""
        self._held_at = moment
        try:
            yield
        finally:
            self._held_at = None

    def idle_now(self) -> float:
        return time.time() + self.advanced

    def wall_seconds_until(self, moment: float) -> float:
        """How long to sleep, in real seconds, until the virtual `moment`; never negative."""
        return max(0.0, (moment - self.now()) / self.speed)

    def advance(self, seconds: float) -> None:
        self.advanced += seconds

    def memory(self) -> dict[str, float]:
        """What `recall` needs to go on as if the process had never stopped."""
        return {
            "wall_anchor": self._wall_anchor,
            "anchor": self._anchor,
            "advanced": self.advanced,
            "speed": self.speed,
        }

    def recall(self, memory: dict[str, float]) -> None:
        """Time that passed while no process ran has passed, at the speed it had."""
        passed = (time.time() - memory["wall_anchor"]) * memory["speed"]
        self._wall_anchor = time.time()
        self._anchor = memory["anchor"] + passed
        self.advanced = memory["advanced"]
