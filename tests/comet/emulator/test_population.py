"""Who is on the server, which devices stand out, and that jobs keep coming."""

from collections.abc import Iterator

import pytest

from tests.comet.emulator.conftest import START_AT
from tests.emulator_process import EmulatorProcess, start_emulator

DAY = 86_400


@pytest.fixture(scope="module")
def emulator() -> Iterator[EmulatorProcess]:
    whole = {"users": 40, "jobs_per_day": 220, "days": 30, "organizations": 3, "seed": 1}
    with start_emulator(**whole, start_at=START_AT) as process:
        yield process


@pytest.fixture(scope="module")
def profiles(emulator: EmulatorProcess):
    return emulator.call("admin/list-users-full")


@pytest.fixture(scope="module")
def jobs_of(emulator: EmulatorProcess):
    """Device ID -> its backups, oldest first, for the devices that stand out in one way."""
    jobs = sorted(emulator.call("admin/get-jobs-all"), key=lambda job: job["StartTime"])
    standouts = emulator.order("state")["standouts"]

    def those(how: str) -> dict[str, list[dict]]:
        ids = [device for device, own in standouts.items() if own == how]
        return {i: [j for j in jobs if j["DeviceID"] == i and j["Classification"] == 4001] for i in ids}

    return those


def test_people_devices_items_and_vaults_are_of_a_believable_number(emulator, profiles):
    organizations = emulator.call("admin/organization/list")
    engines = {source["Engine"] for p in profiles.values() for source in p["Sources"].values()}
    systems = {d["PlatformVersion"]["os"] for p in profiles.values() for d in p["Devices"].values()}

    assert len(profiles) == 40
    assert all(1 <= len(p["Devices"]) <= 4 and 1 <= len(p["Destinations"]) <= 3 for p in profiles.values())
    assert all(2 * len(p["Devices"]) <= len(p["Sources"]) <= 3 * len(p["Devices"]) for p in profiles.values())
    assert {p.get("OrganizationID", "") for p in profiles.values()} == {"", *organizations}
    assert systems == {"windows", "linux", "darwin"}
    assert {"engine1/file", "engine1/mssql", "engine1/windisk", "engine1/hyperv"} <= engines
    names = [d["FriendlyName"] for p in profiles.values() for d in p["Devices"].values()]
    assert len(set(names)) > 30


def test_a_failing_device_fails_for_days_with_one_message(emulator, jobs_of):
    now = emulator.order("state")["now"]
    constant = 0
    for backups in jobs_of("failing").values():
        lately = [job for job in backups if job["EndTime"] and job["StartTime"] > now - 3 * DAY]
        if lately and {job["Status"] for job in lately} == {7002}:
            logs = [
                emulator.call("admin/get-job-log-entries", JobID=j["GUID"], MinSeverity="E") for j in lately
            ]
            constant += len({log[-1]["Message"].partition("'")[0] for log in logs}) == 1

    assert constant >= 1


def test_a_silent_device_has_no_job_for_a_week(emulator, jobs_of):
    now = emulator.order("state")["now"]

    assert any(
        all(job["StartTime"] < now - 7 * DAY for job in backups) for backups in jobs_of("silent").values()
    )


def test_some_devices_never_backed_up(profiles, jobs_of):
    for device, backups in jobs_of("never").items():
        profile = next(p for p in profiles.values() if device in p["Devices"])
        own = [source for source in profile["Sources"].values() if source["OwnerDevice"] == device]

        assert backups == []
        assert own
        assert not any("Statistics" in source for source in own)


def test_an_offline_device_misses_every_schedule(emulator, jobs_of):
    connected = {live["DeviceID"] for live in emulator.call("admin/dispatcher/list-active").values()}
    offline = jobs_of("offline")

    assert offline
    for device, backups in offline.items():
        assert device not in connected
        assert {job["Status"] for job in backups} == {7004}
        assert all(job["StartTime"] == job["EndTime"] for job in backups)


def test_a_job_whose_machine_died_stays_active_without_progress(emulator, jobs_of):
    stuck = [job for backups in jobs_of("stuck").values() for job in backups if not job["EndTime"]]
    emulator.order("advance", seconds=2 * 3600)
    later = [emulator.call("admin/get-job-properties", JobID=job["GUID"]) for job in stuck]

    assert stuck
    for before, after in zip(stuck, later, strict=True):
        assert after["Status"] == 6001
        assert after["Progress"] == before["Progress"]
        assert after["Progress"]["SentTime"] < emulator.order("state")["now"] - 7200


def test_statistics_are_those_of_the_last_backup(emulator, profiles):
    jobs = [j for j in emulator.call("admin/get-jobs-all") if j["Classification"] == 4001 and j["EndTime"]]
    last: dict[str, int] = {}
    for job in jobs:
        last[job["SourceGUID"]] = max(last.get(job["SourceGUID"], 0), job["EndTime"])
    fresh = emulator.call("admin/list-users-full")
    told = {
        guid: source["Statistics"]["LastBackupJob"]["EndTime"]
        for profile in fresh.values()
        for guid, source in profile["Sources"].items()
        if "Statistics" in source
    }

    assert told == last


def test_vaults_grow(emulator, profiles):
    emulator.order("advance", seconds=3 * DAY)
    later = emulator.call("admin/list-users-full")

    def sizes(whole: dict) -> dict[str, int]:
        return {
            guid: vault["Statistics"]["ClientProvidedSize"]["Size"]
            for profile in whole.values()
            for guid, vault in profile["Destinations"].items()
            if "Statistics" in vault
        }

    before, after = sizes(profiles), sizes(later)
    assert len(before) > 40
    assert all(after[guid] >= size for guid, size in before.items())
    assert sum(after[guid] > size for guid, size in before.items()) > 0.8 * len(before)


def test_live_jobs_keep_beginning_and_ending():
    with start_emulator(jobs_per_day=0, live_jobs_per_minute=12, start_at=START_AT) as emulator:
        began = int(emulator.order("state")["now"])
        emulator.order("advance", seconds=1800)
        ended = int(emulator.order("state")["now"])
        jobs = emulator.call("admin/get-jobs-for-date-range", Start=began, End=ended)
        running = emulator.call("admin/get-jobs-for-date-range", Start=0, End=0)

    begun = [job for job in jobs if job["StartTime"] >= began]
    lengths = [job["EndTime"] - job["StartTime"] for job in jobs if job["EndTime"] and job["Status"] != 7006]
    assert 0.9 * 360 <= len(begun) <= 1.1 * 360 + 12
    assert min(lengths) >= 20
    assert max(lengths) <= 120
    assert 3 <= len(running) <= 40
