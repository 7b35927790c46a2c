"""The same seed at the same virtual time is the same server; what API calls changed survives."""

import pytest

from tests.comet.emulator.conftest import START_AT
from tests.emulator_process import EmulatorProcess, start_emulator

STILL = {"start_at": START_AT, "speed": 0.000001, "live_jobs_per_minute": 12}


def snapshot(emulator: EmulatorProcess) -> dict[str, object]:
    """Everything that must not depend on when or how often the process was started."""
    jobs = emulator.call("admin/get-jobs-all")
    return {
        "profiles": emulator.call("admin/list-users-full"),
        "jobs": {job["GUID"]: job for job in jobs},
        "unfinished": {job["GUID"] for job in emulator.call("admin/get-jobs-for-date-range", Start=0, End=0)},
        "connections": emulator.call("admin/dispatcher/list-active"),
        "organizations": emulator.call("admin/organization/list"),
        "policies": emulator.call("admin/policies/list-full"),
    }


def test_two_servers_of_one_seed_are_alike_and_of_another_are_not():
    with (
        start_emulator(**STILL) as one,
        start_emulator(**STILL) as two,
        start_emulator(**STILL, seed=8) as other,
    ):
        assert snapshot(one) == snapshot(two)
        assert not set(one.call("admin/list-users")) & set(other.call("admin/list-users"))


def test_time_passed_in_steps_or_at_once_leads_to_the_same_place():
    with start_emulator(**STILL) as steps, start_emulator(**STILL) as leap:
        for _ in range(6):
            steps.order("advance", seconds=1800)
            steps.call("admin/list-users-full")
        leap.order("advance", seconds=6 * 1800)

        assert snapshot(steps) == snapshot(leap)


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_restart_changes_nothing_but_the_start(how):
    with start_emulator(**STILL) as emulator:
        live = next(iter(emulator.call("admin/dispatcher/list-active").values()))
        order = {"username": live["Username"], "device_id": live["DeviceID"], "duration_seconds": 500}
        running, cancelled = emulator.order("jobs/start", **order), emulator.order("jobs/start", **order)
        emulator.order("advance", seconds=7200 - 7000)
        emulator.call("admin/job/cancel", TargetUser=live["Username"], JobID=cancelled["guid"])
        before, version = snapshot(emulator), emulator.call("admin/meta/version")
        if how == "kill":
            emulator.kill()
        emulator.restart()
        after = emulator.call("admin/meta/version")

        assert snapshot(emulator) == before
        assert running["guid"] in before["unfinished"]
        assert cancelled["guid"] not in before["unfinished"]
        assert after["ServerStartHash"] != version["ServerStartHash"]
        assert after["ServerLicenseHash"] == version["ServerLicenseHash"]


def test_after_a_pause_the_jobs_that_began_and_ended_meanwhile_are_there():
    """A pause is time that passes while no process runs; here the clock is set on before the next start."""
    fast = {**STILL, "speed": 600}
    with start_emulator(**fast) as emulator:
        before = emulator.call("admin/get-jobs-all")
        down_from = max(job["StartTime"] for job in before)
        emulator.kill()
        emulator.restart()
        up_at = emulator.call("admin/meta/version")["ServerStartTime"]

        ended = [job for job in emulator.call("admin/get-jobs-all") if down_from < job["StartTime"] < up_at]

    assert any(job["EndTime"] and job["EndTime"] < up_at for job in ended)
    assert not {job["GUID"] for job in before} & {job["GUID"] for job in ended}


def test_data_of_another_seed_is_refused_in_one_line(tmp_path):
    import subprocess
    import sys

    def start(seed: str) -> subprocess.Popen[str]:
        flags = ["--port", "0", "--users", "1", "--seed", seed, "--data", str(tmp_path)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen([sys.executable, "-m", "comet.emulator", *flags], **pipes)

    first = start("1")
    assert first.stdout.readline().startswith("ready ")
    first.terminate()
    first.communicate(timeout=20)
    second = start("2")
    _, errors = second.communicate(timeout=20)

    assert second.returncode == 1
    assert "--seed 1" in errors
    assert len(errors.splitlines()) == 1


def test_another_speed_goes_on_from_the_time_reached(tmp_path):
    from comet.emulator.options import Options
    from comet.emulator.server import build

    fast = build(Options(users=1, data=tmp_path, speed=1000.0, start_at=START_AT))
    fast.clock.advance(500_000)
    fast.journal.put("clock", "", fast.clock.memory())
    reached = fast.clock.now()
    fast.journal.close()

    slow = build(Options(users=1, data=tmp_path, speed=0.001))

    assert 0 <= slow.clock.now() - reached < 20_000
    slow.journal.close()


def test_what_is_kept_is_for_its_owner_alone(tmp_path):
    from comet.emulator.journal import Journal

    Journal(tmp_path).close()

    assert [path.stat().st_mode & 0o777 for path in tmp_path.iterdir()] == [0o600]


def test_a_torn_last_line_costs_that_line_alone(tmp_path):
    from comet.emulator.journal import Journal

    journal = Journal(tmp_path)
    journal.put("admin", "a", {"kept": True})
    journal.put("session", "s", {})
    journal.forget("session", "s")
    journal.close()
    path = next(tmp_path.iterdir())
    path.write_bytes(path.read_bytes() + b'["admin","b",{"tor')

    again = Journal(tmp_path)

    assert (again.all("admin"), again.all("session")) == ({"a": {"kept": True}}, {})
    again.close()
