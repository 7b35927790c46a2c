"""What a benchmark gives back, and the one way it is printed; the table of all at the end."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final, NamedTuple

PREFIX: Final = "bench_"


@dataclass(frozen=True, slots=True)
class Result:
    """One figure, beside what it is to be judged by."""

    name: str
    value: float
    unit: str
    """Such as `ms`, `rows/s`, `MB`."""
    against: float
    """What `value` is divided by for the ratio: a limit, or the same by other means; same unit."""
    against_name: str

    least: float | None = None
    """The ratio that is the goal, where more is better."""
    most: float | None = None
    """The ratio that is the goal, where less is better."""

    def __str__(self) -> str:
        ratio = self.value / self.against
        return f"bench {self.name} {_figure(self.value)} {self.unit} {_figure(ratio)}x-of-{self.against_name}"

    @property
    def goal(self) -> str:
        """In the unit of the figure; empty for one that is only told."""
        if self.least is not None:
            return f"at least {_figure(self.least * self.against)} {self.unit}"
        if self.most is not None:
            return f"at most {_figure(self.most * self.against)} {self.unit}"
        return ""

    @property
    def is_reached(self) -> bool:
        """Whether it is as good as its goal, if it has one."""
        ratio = self.value / self.against
        return (self.least is None or ratio >= self.least) and (self.most is None or ratio <= self.most)


class NotMeasured(NamedTuple):
    """A figure that could not be had here, and why."""

    name: str
    why: str

    def __str__(self) -> str:
        return f"bench {self.name} not measured: {self.why}"


class Benchmark(NamedTuple):
    """A `bench_*.py`."""

    name: str
    run: Callable[..., Iterable[Result | NotMeasured]]
    """Prepares, measures, cleans up behind itself."""
    small: Mapping[str, Any]
    """Arguments of `run` for which all of it is done, but within seconds: the figures mean nothing."""


def find_benchmarks(only: Sequence[str] = ()) -> Iterator[Benchmark]:
    """The benchmarks beside this file; those whose name holds one of `only`, or all."""
    for path in sorted(Path(__file__).parent.glob(f"{PREFIX}*.py")):
        name = path.stem.removeprefix(PREFIX)
        if not only or any(part in name for part in only):
            module = import_module(f"{__package__}.{path.stem}")
            yield Benchmark(name, module.run, module.SMALL)


def table(told: Sequence[Result | NotMeasured]) -> str:
    """Every figure that has a goal, and whether it is reached; then what could not be measured."""
    rows = [("figure", "value", "goal", "")]
    names = Counter(one.name for one in told if isinstance(one, Result) and one.goal)
    for one in told:
        if isinstance(one, NotMeasured):
            rows.append((one.name, "", one.why, "not measured"))
        elif one.goal:
            name = one.name if names[one.name] == 1 else f"{one.name} beside {one.against_name}"
            reached = "reached" if one.is_reached else "MISSED"
            rows.append((name, f"{_figure(one.value)} {one.unit}", one.goal, reached))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


@contextmanager
def migrated_database() -> Iterator[None]:
    """The portal's tables, empty, in the database that the settings name; emptied again at the end."""
    from django.core.management import call_command

    from portal.audit import guards

    call_command("migrate", verbosity=0, interactive=False)
    try:
        yield
    finally:
        guards.remove()  # the audit lets nobody empty it; flushing puts them up again
        call_command("flush", verbosity=0, interactive=False)


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest measured value that `percent` of all values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * int(percent * 100) // 10_000) - 1)]


def _figure(value: float) -> str:
    """Three significant digits, without an exponent."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
