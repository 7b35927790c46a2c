"""A short run with a fixed seed, then one in which things are lost, for the checker to see."""

import random
import sys

import pytest

from tests.chaos import faults
from tests.chaos.run import Settings, run
from tests.chaos.world import Plan, World

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.skipif(sys.platform != "linux", reason="ends processes as Linux does"),
]


def cut_for_long(world: World, chance: random.Random) -> str:
    """So that Jobs begin and end while nobody hears it."""
    for server in world.comets:
        server.order("streams/drop", seconds=5)
    return "every server cut its streams and refuses new ones for 5 s"


def test_nothing_is_lost_in_a_short_run_and_without_remedial_syncs_the_checker_sees_what_is(tmp_path):
    """One world for both: to start its ten processes takes longer than either run."""
    kinds = tuple(fault for fault in faults.FAULTS if fault is not faults.kill_many)
    with World(Plan(tmp_path, servers=2, on_postgres=False)) as world:
        settings = Settings(
            seed=5, seconds=10, events_per_second=20, quiet=(2, 120), kinds=kinds, least_faults=2
        )
        report = run(world, settings, print)
        assert (report.lost, report.doubled, report.stuck) == ([], [], [])
        world.leave_gaps_open()
        settings = Settings(
            seed=5, seconds=7, events_per_second=20, quiet=(8, 8), kinds=(cut_for_long,), changes=False
        )
        report = run(world, settings, print)
    assert any("job" in lost for lost in report.lost)
    assert report.doubled == []
