"""A run: load, faults at random from a seed, then quiet, then the comparison."""

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from tests.chaos import faults
from tests.chaos.changes import change_something
from tests.chaos.checker import Checker, Findings
from tests.chaos.processes import Death
from tests.chaos.world import World

TICK: Final = 0.25
FLOW_SECONDS: Final = 5.0
BACKUP_EVERY: Final = 4.0
CHANGE_EVERY: Final = 1.0
PAUSES: Final = (1.0, 5.0)
"""Seconds between two faults, at least and at most."""

SETTLED: Final = (0.0, 30.0)
"""As `Settings.quiet`, before the first fault: Jobs of the run before may still end."""

MAX_FAULTS: Final = 1000
EVENTS_PER_JOB: Final = 2
Say = Callable[[str], None]


@dataclass(frozen=True)
class Settings:
    """`events_per_second` is of all servers together, of Jobs alone."""

    seed: int
    seconds: float
    events_per_second: float = 200.0
    quiet: tuple[float, float] = (60.0, 100.0)
    """The comparison is made after the first, and again until the second while something is amiss: a backup
    that ends just while it is made is neither lost nor stuck, and a Device that went unseen is offline a
    minute and a half after the first list without it at the latest."""
    kinds: tuple[faults.Fault, ...] = faults.FAULTS
    least_faults: int = 0
    """It lasts longer than `seconds` where there have not been so many yet."""
    changes: bool = True
    """Whether people change something on the Comet Servers meanwhile."""


@dataclass
class Report:
    seed: int
    faults: Counter[str] = field(default_factory=Counter)
    findings: list[Findings] = field(default_factory=list)
    deaths: list[Death] = field(default_factory=list)
    backups: int = 0

    @property
    def lost(self) -> list[str]:
        return [f"{one.name}: {text}" for one in self.findings for text in one.lost]

    @property
    def doubled(self) -> list[str]:
        return [f"{one.name}: {text}" for one in self.findings for text in one.doubled]

    @property
    def stuck(self) -> list[str]:
        return [f"{one.name}: {text}" for one in self.findings for text in one.stuck]

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.doubled or self.stuck or self.deaths)

    def __str__(self) -> str:
        events = sum(one.events for one in self.findings)
        return (
            f"chaos seed={self.seed} events={events} faults={self.faults.total()} lost={len(self.lost)}"
            f" doubled={len(self.doubled)} stuck={len(self.stuck)}"
        )


def run(world: World, settings: Settings, say: Say) -> Report:
    """Let it happen, and report."""
    checker = Checker(world)
    report = Report(settings.seed)
    before = _compared(world, SETTLED, checker, say)
    wrong = [text for one in before for text in [*one.lost, *one.doubled]]
    if wrong:
        raise RuntimeError("The mirror was not right before any fault:\n" + "\n".join(wrong[:20]))
    _disturb(world, settings, checker, report, say)
    say("Everything is whole again; now it is quiet.")
    faults.heal(world)
    report.findings = _compared(world, settings.quiet, checker, say)
    world.processes.revive()
    report.deaths = world.processes.deaths
    return report


def _disturb(world: World, settings: Settings, checker: Checker, report: Report, say: Say) -> None:
    chance = random.Random(settings.seed)
    rate = settings.events_per_second / EVENTS_PER_JOB / len(world.comets)
    items = _items(world)
    began = time.monotonic()
    next_fault, next_flow, next_backup, next_change = began + 2.0, began, began + 1.0, began
    while (
        now := time.monotonic()
    ) < began + settings.seconds or report.faults.total() < settings.least_faults:
        world.processes.revive()
        if now >= next_flow:
            next_flow = now + FLOW_SECONDS
            for server in world.comets:
                server.try_order("jobs/flow", per_second=rate, seconds=FLOW_SECONDS, shortest=1, longest=12)
            checker.collect()
        if now >= next_backup and items:
            next_backup = now + BACKUP_EVERY
            guid, device, item = items.pop(chance.randrange(len(items)))
            checker.note_asked(guid)
            report.backups += world.try_backup(device, item)
        if now >= next_change and settings.changes:
            next_change = now + CHANGE_EVERY
            change_something(chance.choice(world.comets), chance)
        if now >= next_fault and report.faults.total() < MAX_FAULTS:
            fault = chance.choice(settings.kinds)
            report.faults[fault.__name__] += 1
            say(f"{now - began:6.1f} s  {fault(world, chance)}")
            next_fault = time.monotonic() + chance.uniform(*PAUSES)
        time.sleep(TICK)


def _items(world: World) -> list[tuple[str, int, int]]:
    """Protected Items of Devices that are online, each to be asked for once: GUID, Device, item."""
    rows = world.database.rows(
        "SELECT i.guid AS guid, i.device_id AS device, i.id AS item FROM fleet_protecteditem i"
        " JOIN fleet_device d ON d.id = i.device_id WHERE d.connections > 0 ORDER BY i.guid"
    )
    return [(row["guid"], row["device"], row["item"]) for row in rows]


def _compared(world: World, quiet: tuple[float, float], checker: Checker, say: Say) -> list[Findings]:
    least, most = quiet
    began = time.monotonic()
    _rest(world, checker, least)
    while True:
        findings = checker.check()
        amiss = sum(len(one.lost) + len(one.doubled) + len(one.stuck) for one in findings)
        if not amiss or time.monotonic() - began >= most:
            return findings
        say(f"{amiss} findings after {time.monotonic() - began:.0f} s of quiet")
        _rest(world, checker, 2.0)


def _rest(world: World, checker: Checker, seconds: float) -> None:
    """Wait, while a supervisor still looks after the processes."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        world.processes.revive()
        checker.collect()
        time.sleep(min(1.0, max(0.0, until - time.monotonic())))
