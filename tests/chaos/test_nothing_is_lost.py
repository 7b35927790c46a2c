"""A short run with a fixed seed, then one in which things are lost, for the checker to see."""

import random
import sqlite3
import sys
from contextlib import closing

import pytest

from tests.chaos import faults
from tests.chaos.checker import Checker
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


def spoil_mirror(world: World) -> None:
    """Have it say otherwise of one Device that no list of connections mends, and of one Job."""
    with closing(sqlite3.connect(world.data / "perihelion.sqlite3", timeout=20)) as connection, connection:
        connection.execute(
            "UPDATE fleet_device SET platform='x', os_version='x', client_version='x', time_zone='x'"
            " WHERE id = (SELECT id FROM fleet_device ORDER BY connections LIMIT 1)"
        )
        connection.execute(
            "UPDATE jobs_job SET cancellation_id='x'"
            " WHERE id = (SELECT id FROM jobs_job WHERE status=5000 ORDER BY ended_at DESC LIMIT 1)"
        )


def test_nothing_is_lost_in_a_short_run_and_without_remedial_syncs_the_checker_sees_what_is(tmp_path):
    """One world for both: to start its ten processes takes longer than either run."""
    kinds = tuple(fault for fault in faults.FAULTS if fault is not faults.kill_many)
    with World(Plan(tmp_path, servers=2, on_postgres=False)) as world:
        settings = Settings(
            seed=5, seconds=10, events_per_second=20, quiet=(2, 120), kinds=kinds, least_faults=2
        )
        report = run(world, settings, print)
        assert (report.lost, report.doubled, report.stuck, report.deaths) == ([], [], [], [])
        world.leave_gaps_open()
        settings = Settings(
            seed=5, seconds=7, events_per_second=20, quiet=(8, 8), kinds=(cut_for_long,), changes=False
        )
        report = run(world, settings, print)
        spoil_mirror(world)
        spoilt = [lost for one in Checker(world).check() for lost in one.lost]
    assert any("job" in lost for lost in report.lost)
    assert report.doubled == []
    assert sees(spoilt, "device", "platform", "os", "version", "time_zone")
    assert sees(spoilt, "job", "cancellation")


def sees(lost: list[str], kind: str, *columns: str) -> bool:
    """Whether one finding is of this kind, and names all of these columns."""
    return any(one.startswith(kind) and all(f"'{name}': " in one for name in columns) for one in lost)
