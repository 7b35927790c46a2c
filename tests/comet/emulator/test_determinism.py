"""The same seed at the same virtual time is the same server; what API calls changed survives."""

import json

import pytest

from tests.comet.conformance.world import World, document
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
        "campaign": emulator.call("admin/update-campaign/status"),
        "lobby": {
            guid: {**entry, "Host": ""}
            for guid, entry in emulator.call("admin/installation/list-active").items()
        },
        "snapshots": snapshots(emulator),
    }


def snapshots(emulator: EmulatorProcess) -> dict[str, object]:
    """What the vaults of the first connected devices hold."""
    found = {}
    for guid, live in list(emulator.call("admin/dispatcher/list-active").items())[:3]:
        for vault in emulator.call("admin/get-user-profile", TargetUser=live["Username"])["Destinations"]:
            asked = {"TargetID": guid, "Destination": vault}
            found[vault] = emulator.call("admin/dispatcher/request-vault-snapshots", **asked)
    return found


def test_two_servers_of_one_seed_are_alike_and_of_another_are_not():
    with (
        start_emulator(**STILL) as one,
        start_emulator(**STILL) as two,
        start_emulator(**STILL, seed=8) as other,
    ):
        assert snapshot(one) == snapshot(two)
        assert not set(one.call("admin/list-users")) & set(other.call("admin/list-users"))


def test_the_same_calls_make_things_of_the_same_ids():
    def made(emulator: EmulatorProcess) -> list[str]:
        world = World(emulator)
        created = world.profile(world.user())["CreationGUID"]
        return [created, world.bucket(), world.news(), world.organization(), world.group()]

    with start_emulator(**STILL) as one, start_emulator(**STILL) as two:
        before = made(one), made(two)
        one.kill()
        one.restart()
        after = made(one), made(two)

    assert before[0] == before[1]
    assert after[0] == after[1]
    assert len({*before[0], *after[0]}) == 10


def disturb(emulator: EmulatorProcess) -> None:
    """Calls whose consequences take their time: schedules, a campaign, jobs given up, connections ended."""
    world = World(emulator)
    targets = [world.target(), world.target("engine1/mssql", "engine1/windisk", "engine1/hyperv")]
    for number, target in enumerate(targets):
        profile = world.profile(target.username)
        for kind, past in ((8012, 300), (8015, 1020)):
            rule = json.loads(document("BackupRuleConfig", Source=target.source, Destination=target.vault))
            times = json.loads(document("ScheduleConfig", FrequencyType=kind, SecondsPast=past))
            times["RandomDelaySecs"] = 600 * number
            triggers = {"OnPCBoot": True, "OnPCBootIfLastJobMissed": True, "OnLastJobFailDoRetry": True}
            rule.update(Schedules=[times], EventTriggers=triggers, SkipAlreadyRunning=True)
            profile["BackupRules"][f"rule-{kind}-{number}"] = rule
        given = {"TargetUser": target.username, "ProfileData": json.dumps(profile)}
        world.call("admin/set-user-profile", **given)
        order = {"username": target.username, "device_id": target.device_id}
        emulator.order("jobs/outcome", **order, status=7002, times=3)
        guid = emulator.order("jobs/start", **order, duration_seconds=3000)["guid"]
        world.call("admin/job/abandon", TargetUser=target.username, JobID=guid)
    options = document("UpdateCampaignOptions", Active=True, UpgradeOlder=True)
    world.call("admin/update-campaign/start", Options=options)
    world.call("admin/dispatcher/drop-connection", TargetID=world.spare())
    world.call("admin/dispatcher/kill-process", TargetID=world.spare())


@pytest.mark.parametrize("restarted", [False, True])
def test_what_calls_set_going_ends_alike_in_steps_or_at_once(restarted):
    with start_emulator(**STILL, users=14) as steps, start_emulator(**STILL, users=14) as leap:
        disturb(steps)
        disturb(leap)
        for step in (1, 59, 600, 1140, 1800, 3600, 3600, 10_800):
            steps.order("advance", seconds=step)
            steps.call("admin/list-users-full")
            if restarted and step == 600:
                steps.kill()
                steps.restart()
        leap.order("advance", seconds=6 * 3600)
        ended, at_once = snapshot(steps), snapshot(leap)

        assert {j["Status"] for j in ended["jobs"].values()} >= {5000, 7002, 7004}
        for part, state in ended.items():
            assert state == at_once[part], part


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
    from comet.emulator.build import build
    from comet.emulator.options import Options

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
