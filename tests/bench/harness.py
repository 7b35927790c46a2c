"""What a benchmark gives back, and the one way it is printed."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Final

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

    def __str__(self) -> str:
        ratio = self.value / self.against
        return f"bench {self.name} {_figure(self.value)} {self.unit} {_figure(ratio)}x-of-{self.against_name}"


Benchmark = Callable[[], Iterable[Result]]
"""The `run` of a `bench_*.py`: prepares, measures, cleans up behind itself."""


def find_benchmarks(only: Sequence[str] = ()) -> Iterator[tuple[str, Benchmark]]:
    """Names and benchmarks beside this file; those whose name holds one of `only`, or all."""
    for path in sorted(Path(__file__).parent.glob(f"{PREFIX}*.py")):
        name = path.stem.removeprefix(PREFIX)
        if not only or any(part in name for part in only):
            yield name, import_module(f"{__package__}.{path.stem}").run


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
