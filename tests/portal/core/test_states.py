"""States are told apart without colour, and their tones can be read in both themes."""

import re
from itertools import combinations
from pathlib import Path

import pytest
from django.conf import settings

from portal.core.states import State, worst
from portal.core.templatetags.portal_tags import shape

TEXT_CONTRAST = 4.5  # WCAG 2.2, 1.4.3
GROUNDS = ["surface", "surface-raised", "surface-sunk", "page", "accent-soft"]


def _tokens() -> dict[str, tuple[str, str]]:
    """Custom properties of the style sheet that are one colour a theme: name -> (light, dark)."""
    css = Path(settings.BASE_DIR, "static/css/perihelion.css").read_text(encoding="utf-8")
    return {
        name: (light, dark)
        for name, light, dark in re.findall(r"--([a-z-]+): light-dark\((#\w+), (#\w+)\)", css)
    }


def _luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
    channels = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(
    "ground", ["surface", "surface-raised", "surface-sunk", "page", "accent-soft", "own"]
)
@pytest.mark.parametrize("tone", sorted({state.tone for state in State}))
def test_every_tone_can_be_read_on_every_ground(tone, ground, theme):
    tokens = _tokens()
    below = tokens[f"{tone}-soft" if ground == "own" else ground][theme]

    assert contrast(tokens[tone][theme], below) >= TEXT_CONTRAST


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("ink", ["ink", "ink-soft", "accent", "accent-strong"])
@pytest.mark.parametrize("ground", GROUNDS)
def test_every_ink_can_be_read_on_every_ground(ink, ground, theme):
    tokens = _tokens()

    assert contrast(tokens[ink][theme], tokens[ground][theme]) >= TEXT_CONTRAST


def test_no_two_states_share_a_drawing():
    for one, other in combinations(State, 2):
        drawings = [re.sub(r'class="[^"]*"', "", shape(state.shape)) for state in (one, other)]
        assert drawings[0] != drawings[1], (one, other)


def test_the_worst_of_a_day_is_what_somebody_should_look_at_first():
    assert worst([State.SUCCEEDED, State.WARNING, State.MISSED, State.RUNNING]) is State.MISSED
    assert worst([State.MISSED, State.FAILED]) is State.FAILED
    assert worst([State.SUCCEEDED, State.SKIPPED]) is State.SUCCEEDED
    assert worst([]) is State.UNKNOWN
