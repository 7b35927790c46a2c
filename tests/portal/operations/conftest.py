"""Kinds made for these tests, each doing what the test tells it to."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from portal.operations import registry
from portal.operations.models import Operation
from portal.operations.registry import Done
from portal.operations.services import Target, start
from tests.cast import Person

Start = Callable[..., Operation]


class Work:
    """What items of the test kinds do: `does(item, progress)`; `found(item)` looks for a lost outcome."""

    def __init__(self) -> None:
        self.does: Callable[[Any, Any], Any] = lambda item, progress: Done({"n": 1}, "Went well")
        self.found: Callable[[Any], Any] = lambda item: None
        self.asked_to_cancel: list[list[int]] = []
        self.runs = 0

    def run(self, item: Any, progress: Any) -> Any:
        self.runs += 1
        return self.does(item, progress)


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Iterator[Work]:
    """Registers `test.safe` (repeatable), `test.once` (not, with recovery) and `test.blind` (without)."""
    for table in ("_kinds", "_recover", "_cancel_followed"):
        monkeypatch.setattr(registry, table, dict(getattr(registry, table)))
    held = Work()
    check = "Look at the server."
    registry.operation("test.safe", permission="backup:run", repeatable=True)(held.run)
    registry.operation("test.once", permission="backup:run", repeatable=False, check=check)(held.run)
    registry.operation("test.blind", permission="backup:run", repeatable=False, check=check)(held.run)
    registry.recovers("test.once")(lambda item: held.found(item))
    registry.cancels("test.once")(
        lambda operation, items, user: held.asked_to_cancel.append([item.pk for item in items])
    )
    return held


@pytest.fixture
def begin(work: Work, technician: Person) -> Start:
    """Start an Operation of `count` items as the technician (or `user`)."""

    def started(kind: str = "test.safe", count: int = 1, **options: Any) -> Operation:
        tenant_id = options.pop("tenant_id", technician.tenant.pk)
        targets = [Target("device", n, f"Device {n}", tenant_id, "comet-2") for n in range(count)]
        options.setdefault("user", technician.user)
        return start(kind, title="A test", tenant_id=tenant_id, targets=targets, **options)

    return started
