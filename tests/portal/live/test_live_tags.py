"""What the activity feed draws."""

import pytest

from portal.live.kinds import GROUPS, types_in
from portal.live.models import Event
from portal.live.templatetags.live_tags import SUBJECTS, event_mark


@pytest.mark.parametrize("group", GROUPS)
def test_an_event_without_a_state_says_what_it_speaks_of(group):
    number = next(iter(types_in(group)), 9_999_999)
    name, word = SUBJECTS[group]

    drawn = event_mark(Event(type=number))

    assert f"icon-{name}" in drawn
    assert f">{word}</span>" in drawn
