"""A row of days, each in its worst state: for Devices, servers and Tenants alike."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from portal.core.states import State, worst

DAYS: Final = 30
COUNTED: Final = (
    State.FAILED,
    State.MISSED,
    State.INTERRUPTED,
    State.WARNING,
    State.SUCCEEDED,
    State.SKIPPED,
)
"""The states that roll-ups count, most severe first. Each is also the name of a column."""

Counts = Mapping[State, int]


@dataclass(frozen=True, slots=True)
class Cell:
    """One day of a strip."""

    day: dt.date
    state: State
    title: str
    """What happened: `3 failed, 38 succeeded`."""
    url: str
    """That day's rows; empty where there are none."""


def strip_days(today: dt.date) -> list[dt.date]:
    """The days of a strip that ends today, oldest first."""
    return [today - dt.timedelta(days=back) for back in reversed(range(DAYS))]


def day_state(counts: Counts) -> State:
    """The worst state that occurred at all."""
    return worst(state for state, count in counts.items() if count > 0)


def build_strip(today: dt.date, by_day: Mapping[dt.date, Counts], jobs_url: str) -> list[Cell]:
    """The cells of one strip, from how many Jobs ended in which state on which day.

    `jobs_url` is the Job list of whose strip it is, with a query string; a day is added to it.
    """
    cells = []
    for day in strip_days(today):
        counts = by_day.get(day, {})
        said = ", ".join(f"{counts[state]} {state.label.lower()}" for state in COUNTED if counts.get(state))
        cells.append(
            Cell(
                day, day_state(counts), said or "no jobs", f"{jobs_url}&day={day.isoformat()}" if said else ""
            )
        )
    return cells
