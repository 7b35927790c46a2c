"""Faults that the control plane asked for, and what becomes of a call that meets one."""

import math
import random
import time
from dataclasses import dataclass, field

ANY_METHOD = "*"
_P99_SIGMAS = 2.326  # standard deviations from the median to the 99th percentile


@dataclass
class Fault:
    """Spoils the next `times` calls of `method`.

    `kind` is fail, html, broken-json, endless, half or stall.
    """

    method: str
    kind: str
    times: int
    http_status: int = 200
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds by which calls are held back: half of them by `median`, one in a hundred by `p99` or more."""

    median: float
    p99: float

    def draw(self, chance: random.Random) -> float:
        """A log-normal delay; always the median if both are the same."""
        if self.median <= 0 or self.p99 <= self.median:
            return self.median
        return self.median * math.exp(chance.gauss(0, math.log(self.p99 / self.median) / _P99_SIGMAS))


@dataclass
class Faults:
    """All faults now in force. Times are real, not virtual."""

    latency: dict[str, Latency] = field(default_factory=dict)
    chance: random.Random = field(default_factory=random.Random)
    _pending: list[Fault] = field(default_factory=list)
    _streams_refused_until: float = 0.0
    _streams_silent_until: float = 0.0

    def add(self, fault: Fault) -> None:
        self._pending.append(fault)

    def clear(self) -> None:
        self._pending.clear()
        self.latency.clear()
        self._streams_refused_until = self._streams_silent_until = 0.0

    def take(self, method: str) -> Fault | None:
        """The fault this call meets, counted down."""
        for fault in self._pending:
            if fault.method in (method, ANY_METHOD):
                fault.times -= 1
                if fault.times <= 0:
                    self._pending.remove(fault)
                return fault
        return None

    def delay(self, method: str) -> float:
        """Seconds by which a call of this method is held back."""
        latency = self.latency.get(method) or self.latency.get(ANY_METHOD)
        return latency.draw(self.chance) if latency else 0.0

    def refuse_streams(self, seconds: float) -> None:
        self._streams_refused_until = time.monotonic() + seconds

    def streams_refused(self) -> bool:
        return time.monotonic() < self._streams_refused_until

    def stall_streams(self, seconds: float) -> None:
        self._streams_silent_until = time.monotonic() + seconds

    def stream_silence(self) -> float:
        """For how many seconds streams send nothing yet."""
        return max(0.0, self._streams_silent_until - time.monotonic())

    def pending(self) -> list[Fault]:
        return list(self._pending)
