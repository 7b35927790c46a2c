"""Faults that the control plane asked for, and what becomes of a call that meets one."""

import time
from dataclasses import dataclass, field

ANY_METHOD = "*"


@dataclass
class Fault:
    """Spoils the next `times` calls of `method`: `kind` is fail, html, broken-json or endless."""

    method: str
    kind: str
    times: int
    http_status: int = 200


@dataclass
class Faults:
    """All faults now in force. Times are real, not virtual."""

    latency: dict[str, float] = field(default_factory=dict)
    _pending: list[Fault] = field(default_factory=list)
    _streams_refused_until: float = 0.0

    def add(self, fault: Fault) -> None:
        self._pending.append(fault)

    def clear(self) -> None:
        self._pending.clear()
        self.latency.clear()
        self._streams_refused_until = 0.0

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
        return self.latency.get(method, self.latency.get(ANY_METHOD, 0.0))

    def refuse_streams(self, seconds: float) -> None:
        self._streams_refused_until = time.monotonic() + seconds

    def streams_refused(self) -> bool:
        return time.monotonic() < self._streams_refused_until

    def pending(self) -> list[Fault]:
        return list(self._pending)
