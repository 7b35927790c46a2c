"""The eight states a backup can be in, and how each is told: by word, shape and tone together."""

from collections.abc import Iterable
from enum import StrEnum


class State(StrEnum):
    """What a Job, a day or a Device looks like to a person. The value is what rows store.

    `label` is the word, `shape` the drawing in `components/_shape.html`, `tone` the CSS class
    `tone-<tone>`, `severity` rises with how soon somebody should look.
    """

    label: str
    shape: str
    tone: str
    severity: int

    def __new__(cls, value: str, label: str, shape: str, tone: str, severity: int) -> "State":
        state = str.__new__(cls, value)
        state._value_ = value
        state.label = label
        state.shape = shape
        state.tone = tone
        state.severity = severity
        return state

    SUCCEEDED = "succeeded", "Succeeded", "disc", "green", 2
    RUNNING = "running", "Running", "ring", "blue", 3
    WARNING = "warning", "Warning", "triangle", "amber", 4
    FAILED = "failed", "Failed", "square", "red", 7
    MISSED = "missed", "Missed", "hollow-square", "magenta", 6
    SKIPPED = "skipped", "Skipped", "dash", "grey", 1
    INTERRUPTED = "interrupted", "Interrupted", "broken-ring", "orange", 5
    UNKNOWN = "unknown", "No data", "hatch", "grey", 0


def worst(states: Iterable[State]) -> State:
    """The most severe of `states`; UNKNOWN where there are none."""
    return max(states, key=lambda state: state.severity, default=State.UNKNOWN)
