"""Quiet hours and mornings, through the nights on which clocks change."""

from datetime import UTC, datetime, time

import pytest

from portal.alerts.quiet import next_morning, quiet_end

BERLIN = "Europe/Berlin"  # summer time: 29 March 2026 01:00 UTC to 25 October 2026 01:00 UTC


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "end"),
    [
        ("2026-01-10 20:59", None),
        ("2026-01-10 21:00", "2026-01-11 06:00"),
        ("2026-01-11 05:59", "2026-01-11 06:00"),
        ("2026-01-11 06:00", None),
        ("2026-03-28 22:00", "2026-03-29 05:00"),  # the night that is an hour shorter
        ("2026-03-29 05:00", None),
        ("2026-10-24 22:00", "2026-10-25 06:00"),  # the night that is an hour longer
        ("2026-10-25 05:30", "2026-10-25 06:00"),
    ],
)
def test_quiet_from_22_to_7(now, end):
    assert quiet_end(utc(now), time(22), time(7), BERLIN) == (utc(end) if end else None)


def test_quiet_hours_within_one_day():
    assert quiet_end(utc("2026-06-01 10:30"), time(12), time(14), BERLIN) == utc("2026-06-01 12:00")
    assert quiet_end(utc("2026-06-01 12:00"), time(12), time(14), BERLIN) is None


@pytest.mark.parametrize(
    "now", ["2026-03-29 00:30", "2026-03-29 00:59", "2026-10-25 00:29", "2026-03-29 01:10"]
)
def test_an_end_that_clocks_skip_or_repeat_is_still_one_moment_ahead(now):
    end = quiet_end(utc(now), time(22), time(2, 30), BERLIN)

    assert end is not None
    assert utc(now) < end
    assert quiet_end(end, time(22), time(2, 30), BERLIN) is None


def test_equal_times_are_no_quiet_hours():
    assert quiet_end(utc("2026-06-01 11:00"), time(7), time(7), BERLIN) is None


@pytest.mark.parametrize(
    ("now", "morning"),
    [
        ("2026-03-28 12:00", "2026-03-29 05:00"),
        ("2026-03-29 05:00", "2026-03-30 05:00"),
        ("2026-10-24 12:00", "2026-10-25 06:00"),
        ("2026-01-10 05:59", "2026-01-10 06:00"),
    ],
)
def test_the_next_morning_is_seven_by_the_persons_clock(now, morning):
    assert next_morning(utc(now), BERLIN) == utc(morning)
