"""The eight states a backup can be in, and how each is told: by word, shape and tone together."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """What a Job, a day or a Device looks like to a person. The value is what rows store."""

    SUCCEEDED = "succeeded"
    RUNNING = "running"
    WARNING = "warning"
    FAILED = "failed"
    MISSED = "missed"
    SKIPPED = "skipped"
    INTERRUPTED = "interrupted"
    UNKNOWN = "unknown"

    @property
    def label(self) -> str:
        return LOOKS[self].label

    @property
    def shape(self) -> str:
        return LOOKS[self].shape

    @property
    def tone(self) -> str:
        return LOOKS[self].tone

    @property
    def severity(self) -> int:
        return LOOKS[self].severity


@dataclass(frozen=True, slots=True)
class Look:
    """How a State is told: its word, its drawing in `components/_shape.html`, its CSS class
    `tone-<tone>`; `severity` rises with how soon somebody should look."""

    label: str
    shape: str
    tone: str
    severity: int


LOOKS = {
    State.SUCCEEDED: Look("Succeeded", "disc", "green", 2),
    State.RUNNING: Look("Running", "ring", "blue", 3),
    State.WARNING: Look("Warning", "triangle", "amber", 4),
    State.FAILED: Look("Failed", "square", "red", 7),
    State.MISSED: Look("Missed", "hollow-square", "magenta", 6),
    State.SKIPPED: Look("Skipped", "dash", "grey", 1),
    State.INTERRUPTED: Look("Interrupted", "broken-ring", "orange", 5),
    State.UNKNOWN: Look("No data", "hatch", "grey", 0),
}


def worst(states: Iterable[State]) -> State:
    """The most severe of `states`; UNKNOWN where there are none."""
    return max(states, key=lambda state: state.severity, default=State.UNKNOWN)
