"""What a run says of processes that ended without anybody ending them."""

import sys

import pytest

from tests.chaos.__main__ import show
from tests.chaos.processes import Death, Processes
from tests.chaos.run import Report
from tests.waiting import wait_for


@pytest.mark.skipif(sys.platform != "linux", reason="ends processes as Linux does")
def test_a_process_that_ends_by_itself_is_noted_and_one_that_was_killed_is_not(tmp_path):
    commands = {"killed": "sleep 60", "ended": "sh -c 'echo no room left; sleep 60 & exit 3'"}
    with Processes(commands, {"PATH": "/usr/bin:/bin"}, tmp_path / "logs") as processes:
        processes.start(*commands)
        processes.kill("killed", away_seconds=60)
        processes.change("ended", "exit 3", "wait")

        wait_for(lambda: processes.revive() or processes.deaths)
        processes.revive()

        assert processes.deaths == [Death("ended", 3, "no room left")]


def test_a_run_fails_and_names_the_process_that_ended_by_itself(capsys):
    report = Report(7, deaths=[Death("relay1", -11, "no room left")])

    show(report)

    assert not report.is_clean
    lines = capsys.readouterr().out.splitlines()
    assert ["relay1", "-11"] in [line.split() for line in lines]
    assert lines[-2] == "ended by itself: relay1 ended with -11: no room left"
    assert lines[-1] == "chaos seed=7 events=0 faults=0 lost=0 doubled=0 stuck=0"
