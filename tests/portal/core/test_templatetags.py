"""What every page draws alike: icons, states, times, sizes, names, trends, strips."""

import datetime as dt
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from django import forms
from django.conf import settings
from django.template import Context, Template

from portal.core.states import State
from portal.core.strips import Cell
from portal.core.templatetags import form_tags, portal_tags

NOW = dt.datetime(2026, 3, 14, 12, 0, tzinfo=dt.UTC)


def render(source: str, **context: object) -> str:
    return Template("{% load portal_tags form_tags %}" + source).render(Context(context))


def test_every_icon_that_is_named_exists():
    base = Path(settings.BASE_DIR)
    vendored = {icon.stem for icon in base.glob("static/vendor/tabler-icons/*.svg")}
    named = set()
    for source in [*base.glob("templates/**/*.html"), *base.glob("portal/**/*.py")]:
        text = source.read_text(encoding="utf-8")
        named |= set(re.findall(r"""\{% icon "([a-z0-9-]+)\"|\bicon="([a-z0-9-]+)\"""", text))
    names = {first or second for first, second in named}

    assert names
    assert names <= vendored


def test_an_icon_is_decoration_unless_it_has_a_label():
    assert 'aria-hidden="true"' in portal_tags.icon("search")
    assert 'role="img" aria-label="Find &lt;it&gt;"' in portal_tags.icon("search", "Find <it>")


def test_an_unknown_icon_is_refused_by_name():
    with pytest.raises(LookupError, match="no-such-icon"):
        portal_tags.icon("no-such-icon")


@pytest.mark.parametrize("state", State)
def test_a_state_is_told_by_shape_tone_and_word(state):
    html = render("{% status state %}", state=state)

    assert f"shape-{state.shape}" in html
    assert f"tone-{state.tone}" in html
    assert f">{state.label}</span>" in html


def test_a_status_says_percent_and_detail():
    assert "Running, 42 %" in render("{% status 'running' percent=42 %}")
    assert "Failed: quota &amp; more" in render("{% status 'failed' detail=why %}", why="quota & more")
    assert "Succeeded, 42" not in render("{% status 'succeeded' percent=42 %}")


def test_a_status_this_code_does_not_know_is_unknown():
    assert ">No data</span>" in render("{% status 'odd' %}")


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (dt.timedelta(seconds=59), "just now"),
        (dt.timedelta(minutes=12), "12 min ago"),
        (dt.timedelta(hours=23, minutes=59), "23 h ago"),
        (dt.timedelta(days=1), "1 day ago"),
        (dt.timedelta(days=29), "29 days ago"),
        (dt.timedelta(days=30), "12 Feb 2026"),
        (-dt.timedelta(hours=3), "in 3 h"),
    ],
)
def test_time_ago_is_said_in_its_largest_unit(before, words):
    assert portal_tags.time_ago(NOW - before, NOW) == words


def test_ago_carries_the_moment_and_its_exact_local_time(time_machine, settings):
    settings.TIME_ZONE = "Europe/Paris"
    time_machine.move_to(NOW, tick=False)

    html = portal_tags.ago(NOW - dt.timedelta(minutes=12))

    assert 'datetime="2026-03-14T11:48:00+00:00"' in html
    assert 'title="Sat 14 Mar 2026, 12:48:00 CET"' in html
    assert ">12 min ago</time>" in html


def test_ago_of_nothing_says_the_word_it_was_given():
    assert ">never</span>" in portal_tags.ago(None)
    assert ">not yet</span>" in render('{% ago moment empty="not yet" %}', moment=None)


def test_clock_names_the_day_only_when_it_is_another(time_machine):
    time_machine.move_to(NOW, tick=False)

    assert ">02:10</time>" in portal_tags.clock(NOW.replace(hour=2, minute=10))
    assert ">12 Mar 12:00</time>" in portal_tags.clock(NOW - dt.timedelta(days=2))


def test_age_is_said_in_its_largest_unit(time_machine):
    time_machine.move_to(NOW, tick=False)

    assert ">14 min</time>" in portal_tags.age(NOW - dt.timedelta(minutes=14, seconds=59))


@pytest.mark.parametrize(
    ("size_bytes", "said"),
    [
        (None, "–"),
        (0, "0 B"),
        (999, "999 B"),
        (1000, "0.98 KiB"),
        (1536, "1.50 KiB"),
        (12.3 * 1024**3, "12.3 GiB"),
        (340 * 1024**4, "340 TiB"),
        (2**70, "1024 EiB"),
        (-2048, "-2.00 KiB"),
    ],
)
def test_sizes_are_said_in_iec_units(size_bytes, said):
    assert portal_tags.iec(size_bytes) == said


@pytest.mark.parametrize(
    ("span", "said"),
    [
        (None, "–"),
        (0, "0 s"),
        (42, "42 s"),
        (192, "3 min 12 s"),
        (7200, "2 h"),
        (dt.timedelta(hours=2, minutes=5, seconds=9), "2 h 5 min"),
        (3 * 86_400 + 4 * 3600, "3 d 4 h"),
    ],
)
def test_durations_are_said_in_their_two_largest_units(span, said):
    assert portal_tags.duration(span) == said


def test_a_long_name_is_cut_in_the_middle_and_whole_for_readers():
    html = portal_tags.middle("workstation-of-the-accounting-<dep>-07", 24)

    shown = re.search(r'aria-hidden="true">([^<]+)<', html)
    assert shown
    assert shown[1] == "workstation-…ng-&lt;dep&gt;-07"
    assert 'title="workstation-of-the-accounting-&lt;dep&gt;-07"' in html
    assert portal_tags.middle("short <name>", 24) == "short &lt;name&gt;"


def test_a_name_that_fits_its_column_keeps_its_end_where_it_does_not():
    html = portal_tags.fit("workstation-<of>-accounting")

    assert '<span class="fit-head" aria-hidden="true">workstation-&lt;of&gt;-accoun</span>' in html
    assert '<span aria-hidden="true">ting</span>' in html
    assert 'title="workstation-&lt;of&gt;-accounting"' in html
    assert '<span class="visually-hidden">workstation-&lt;of&gt;-accounting</span>' in html
    assert '>Fathom Keel </span><span aria-hidden="true">Ltd<' in portal_tags.fit("Fathom Keel Ltd")
    assert portal_tags.fit("<short>") == "&lt;short&gt;"


def test_a_sparkline_says_its_figures_and_starts_at_zero():
    html = portal_tags.sparkline([0, None, 4, 2], "Failed")

    assert 'aria-label="Failed: 0, 0, 4, 2"' in html
    assert 'points="0.0,22.0 33.3,22.0 66.7,2.0 100.0,12.0"' in html
    assert portal_tags.sparkline([1]) == ""


def test_a_strip_links_each_day_that_has_rows_and_names_its_state():
    day = dt.date(2026, 3, 12)
    failed = Cell(day, State.FAILED, '3 "of" 41', "/jobs/?day=2026-03-12")
    html = portal_tags.day_strip([failed, Cell(day, State.UNKNOWN, "", "")], "srv-1")

    assert '<ol class="strip" aria-label="srv-1">' in html
    assert '<a href="/jobs/?day=2026-03-12" class="strip-cell tone-red"' in html
    assert "Thu 12 Mar: 3 &quot;of&quot; 41" in html
    assert '<span class="strip-cell tone-grey" title="Thu 12 Mar: No data">' in html


class ServerForm(forms.Form):
    address = forms.URLField(help_text="As a browser opens it.", assume_scheme="https")
    password = forms.CharField(widget=forms.PasswordInput)
    keep = forms.BooleanField(required=False)
    role = forms.ChoiceField(choices=[("a", "A")])


def test_a_field_in_error_points_at_its_message_and_the_summary_links_to_the_field():
    form = ServerForm({"address": "<script>", "password": "x", "role": "a"})

    html = render('{% include "components/_fields.html" with form=form only %}', form=form)

    assert '<a href="#id_address">Address</a>: Enter a valid URL.' in html
    assert 'aria-describedby="id_address_helptext id_address_error"' in html
    assert 'id="id_address_error">Enter a valid URL.</div>' in html
    assert 'id="id_address_helptext">As a browser opens it.</div>' in html
    assert "<script>" not in html


def test_a_form_without_errors_has_no_summary():
    html = render('{% include "components/_fields.html" with form=form only %}', form=ServerForm())

    assert "error-summary" not in html
    assert "data-password-toggle" in html


@pytest.mark.parametrize(
    ("name", "expected"),
    [("address", "form-control"), ("keep", "form-check-input"), ("role", "form-select")],
)
def test_an_input_has_the_class_of_its_kind(name, expected):
    assert form_tags.widget_class(ServerForm()[name]) == expected


@dataclass
class FakePage:
    previous_url: str
    next_url: str

    def __len__(self) -> int:
        return 50


def test_pagination_shows_only_the_ways_there_are():
    html = render(
        '{% include "components/_pagination.html" with page=page target="#job-table" noun="Jobs" only %}',
        page=FakePage("", "/jobs/?after=x&state=failed"),
    )

    assert "Jobs on this page: 50" in html
    assert 'href="/jobs/?after=x&amp;state=failed"' in html
    assert 'rel="prev"' not in html


def test_progress_says_when_it_stands_still(time_machine):
    time_machine.move_to(NOW, tick=False)

    html = render(
        '{% include "components/_progress.html" with percent=42 label="Sync" stalled_since=since only %}',
        since=NOW.replace(hour=11, minute=30),
    )

    assert '<progress max="100" value="42" aria-label="Sync">' in html
    assert "42 % · stalled since" in html
    assert ">11:30</time>" in html


def test_progress_of_unknown_length_has_no_value():
    html = render('{% include "components/_progress.html" with percent=None label="Sync" only %}')

    assert '<progress max="100"  aria-label="Sync">' in html
    assert "Under way" in html
