"""A short run with a fixed seed, and one that shows that the checker sees what is lost; see `make chaos`."""

import sys

import pytest

from tests.chaos import faults
from tests.chaos.run import Settings, run
from tests.chaos.world import Plan, World

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.skipif(sys.platform != "linux", reason="ends processes as Linux does"),
]


def test_nothing_is_lost_doubled_or_stuck_through_a_short_run(tmp_path):
    kinds = tuple(fault for fault in faults.FAULTS if fault is not faults.kill_many)
    with World(Plan(tmp_path, servers=2, on_postgres=False)) as world:
        settings = Settings(seed=5, seconds=10, events_per_second=20, quiet=(2, 60), kinds=kinds)
        report = run(world, settings, print)
    assert report.faults.total() >= 2
    assert (report.lost, report.doubled, report.stuck) == ([], [], [])


def test_without_remedial_syncs_the_checker_finds_what_was_missed(tmp_path):
    with World(Plan(tmp_path, servers=1, relays=1, on_postgres=False, remedy=False)) as world:
        settings = Settings(
            seed=5, seconds=7, events_per_second=20, quiet=(13, 13), kinds=(faults.cut_streams,)
        )
        report = run(world, settings, print)
    assert report.lost
    assert report.doubled == []
