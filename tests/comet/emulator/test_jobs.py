"""Jobs: which are listed, how they run, how they are stopped."""

import itertools
import json
from collections import Counter
from dataclasses import dataclass

import pytest

from tests.comet.emulator.conftest import START_AT
from tests.emulator_process import EmulatorProcess, start_emulator


@dataclass
class Connected:
    """A device with a live connection, its user, one of its Protected Items and a Storage Vault."""

    target: str
    username: str
    device_id: str
    source: str
    vault: str
    rule: str


def connected(emulator: EmulatorProcess, *versions: str) -> Connected:
    """The first connected, healthy device that reports one of these versions; any without."""
    standouts = emulator.order("state")["standouts"]
    for target, live in emulator.call("admin/dispatcher/list-active").items():
        profile = emulator.call("admin/get-user-profile", TargetUser=live["Username"])
        if live["DeviceID"] in standouts or (versions and live["ReportedVersion"] not in versions):
            continue
        source = next(guid for guid, s in profile["Sources"].items() if s["OwnerDevice"] == live["DeviceID"])
        rule = next(guid for guid, r in profile["BackupRules"].items() if r["Source"] == source)
        vault = next(iter(profile["Destinations"]))
        return Connected(target, live["Username"], live["DeviceID"], source, vault, rule)
    raise LookupError(versions)


@pytest.fixture(scope="module")
def emulator():
    with start_emulator(users=12, jobs_per_day=80, start_at=START_AT) as process:
        yield process


@pytest.fixture
def device(emulator: EmulatorProcess) -> Connected:
    return connected(emulator)


def start_job(emulator: EmulatorProcess, device: Connected, seconds: int = 100) -> str:
    order = {"username": device.username, "device_id": device.device_id, "duration_seconds": seconds}
    return emulator.order("jobs/start", **order)["guid"]


def job_of(emulator: EmulatorProcess, guid: str):
    return emulator.call("admin/get-job-properties", JobID=guid)


def now_of(emulator: EmulatorProcess) -> int:
    return int(emulator.order("state")["now"])


def in_range(emulator: EmulatorProcess, start: int, end: int):
    return emulator.call("admin/get-jobs-for-date-range", Start=start, End=end)


def test_a_range_holds_what_began_or_ended_inside(emulator):
    noon = now_of(emulator) // 86_400 * 86_400 - 43_200
    start, end = noon, noon + 6 * 3600
    everything = emulator.call("admin/get-jobs-all")

    expected = {
        j["GUID"] for j in everything if start <= j["StartTime"] <= end or start <= j["EndTime"] <= end
    }

    assert expected
    assert {job["GUID"] for job in in_range(emulator, start, end)} == expected
    assert {job["GUID"] for job in in_range(emulator, end, start)} == expected


def test_no_bounds_mean_the_unfinished_jobs(emulator, device):
    guid = start_job(emulator, device)

    unfinished = in_range(emulator, 0, 0)

    assert guid in {job["GUID"] for job in unfinished}
    assert {job["EndTime"] for job in unfinished} == {0}
    assert {job["Status"] for job in unfinished} == {6001}


def test_recent_jobs_are_those_of_a_day_and_the_unfinished(emulator):
    now = now_of(emulator)
    recent = {job["GUID"]: job for job in emulator.call("admin/get-jobs-recent")}

    assert {job["GUID"] for job in in_range(emulator, 0, 0)} <= recent.keys()
    old = [j for j in recent.values() if j["EndTime"] and max(j["StartTime"], j["EndTime"]) < now - 86_500]
    assert old == []


def test_jobs_of_a_user_are_those_of_all_that_are_his(emulator, device):
    own = {job["GUID"] for job in emulator.call("admin/get-jobs-for-user", TargetUser=device.username)}

    assert own
    assert own == {j["GUID"] for j in emulator.call("admin/get-jobs-all") if j["Username"] == device.username}


def test_history_reaches_as_far_back_as_told(emulator):
    oldest = min(
        job["EndTime"] or job["StartTime"] for job in emulator.call("admin/get-jobs-all") if job["EndTime"]
    )

    assert 9 * 86_400 < now_of(emulator) - oldest <= 10 * 86_400 + 5


def test_progress_rises_and_the_log_grows_until_the_job_ends(emulator, device):
    guid = start_job(emulator, device, seconds=100)
    seen = []
    for _ in range(3):
        emulator.order("advance", seconds=25)
        job = job_of(emulator, guid)
        log = emulator.call("admin/get-job-log-entries", JobID=guid)
        progress = job["Progress"]
        seen.append(
            (
                progress["Counter"],
                progress["BytesDone"],
                progress["ItemsDone"],
                job["UploadSize"],
                len(log),
            )
        )
        assert (job["Status"], job["EndTime"]) == (6001, 0)
        assert progress["ItemsDone"] < progress["ItemsTotal"]
    emulator.order("advance", seconds=30)
    ended = job_of(emulator, guid)

    assert all(
        all(a < b for a, b in zip(before, after, strict=True)) for before, after in itertools.pairwise(seen)
    )
    assert ended["Status"] in (5000, 7001)
    assert ended["EndTime"] == ended["StartTime"] + 100
    assert "Progress" not in ended
    assert "CancellationID" not in ended


def test_a_jobs_log_is_filtered_by_severity_and_text(emulator):
    failed = next(job for job in emulator.call("admin/get-jobs-all") if job["Status"] == 7002)["GUID"]

    def entries(**filters: str):
        return emulator.call("admin/get-job-log-entries", JobID=failed, **filters)

    everything = entries()
    assert {"D", "I", "E"} <= {entry["Severity"] for entry in everything}
    errors = entries(MinSeverity="E")
    assert [entry["Severity"] for entry in errors] == ["E"]
    word = errors[0]["Message"][:12]
    assert entries(MessageContains=word) == [entry for entry in everything if word in entry["Message"]]
    assert entries(MinSeverity="Z")["Status"] == 400
    text = emulator.post("admin/get-job-log", JobID=failed)
    assert text.headers["Content-Type"].startswith("text/plain")
    assert errors[0]["Message"] in text.text


def test_a_search_counts_what_it_finds(emulator):
    rule = {
        "ClauseType": "",
        "RuleField": "BackupJobDetail.Status",
        "RuleOperator": "int_gte",
        "RuleValue": "7000",
    }
    other = {"ClauseType": "", "RuleField": "Username", "RuleOperator": "str_contains_ci", "RuleValue": "A"}
    query = json.dumps({"ClauseType": "and", "ClauseChildren": [rule, other]})

    found = emulator.call("admin/get-jobs-for-custom-search", Query=query)

    assert found
    assert all(job["Status"] >= 7000 and "a" in job["Username"] for job in found)
    assert emulator.call("admin/count-jobs-for-custom-search", Query=query) == {"Count": len(found)}
    broken = json.dumps(rule | {"RuleOperator": "int_nonsense"})
    assert emulator.call("admin/count-jobs-for-custom-search", Query=broken)["Status"] == 400


@pytest.mark.parametrize("method", ["run-backup", "run-backup-custom"])
def test_run_backup_tells_the_job_it_started(emulator, method):
    device = connected(emulator, "25.9.8", "25.9.6")
    emulator.order("advance", seconds=3600)  # an earlier run of the same rule would make this one skip
    device = connected(emulator, "25.9.8", "25.9.6")
    what = {"Source": device.source, "Destination": device.vault}
    what = {"BackupRule": device.rule} if method == "run-backup" else what

    answer = emulator.call(f"admin/dispatcher/{method}", TargetID=device.target, **what)
    job = job_of(emulator, answer["JobID"])

    assert (answer["Status"], job["Status"]) == (200, 6004)  # the device has not begun yet
    assert (job["Username"], job["DeviceID"], job["SourceGUID"]) == (
        device.username,
        device.device_id,
        device.source,
    )
    emulator.order("advance", seconds=61)
    ended = job_of(emulator, answer["JobID"])
    assert ended["Status"] in (5000, 7001)
    assert 20 <= ended["EndTime"] - ended["StartTime"] <= 60
    profile = emulator.call("admin/get-user-profile", TargetUser=device.username)
    assert profile["Sources"][device.source]["Statistics"]["LastBackupJob"] == ended
    vault = profile["Destinations"][ended["DestinationGUID"]]["Statistics"]["ClientProvidedSize"]
    assert vault == ended["DestinationSizeEnd"]


def test_an_older_device_does_not_tell_the_job_but_runs_it(emulator):
    device = connected(emulator, "25.6.8", "24.12.5")
    before = {job["GUID"] for job in in_range(emulator, 0, 0)}

    answer = emulator.call(
        "admin/dispatcher/run-backup-custom",
        TargetID=device.target,
        Source=device.source,
        Destination=device.vault,
    )

    assert answer["Status"] == 200
    assert not answer.get("JobID")
    started = [job for job in in_range(emulator, 0, 0) if job["GUID"] not in before]
    assert [(job["DeviceID"], job["SourceGUID"]) for job in started] == [(device.device_id, device.source)]


def test_skip_if_already_running_leaves_a_skipped_job(emulator):
    device = connected(emulator, "25.9.8", "25.9.6")
    what = {"TargetID": device.target, "Source": device.source, "Destination": device.vault}
    emulator.call("admin/dispatcher/run-backup-custom", **what)

    again = emulator.call(
        "admin/dispatcher/run-backup-custom", Options='{"SkipAlreadyRunning": true}', **what
    )

    skipped = job_of(emulator, again["JobID"])
    assert (skipped["Status"], skipped["EndTime"]) == (7006, skipped["StartTime"])


def test_an_offline_device_can_not_be_reached(emulator):
    active = emulator.call("admin/dispatcher/list-active")
    devices = {device for p in emulator.call("admin/list-users-full").values() for device in p["Devices"]}
    assert devices - {live["DeviceID"] for live in active.values()}

    answer = emulator.call("admin/dispatcher/run-backup", TargetID="gone", BackupRule="any")

    assert answer == {"Status": 403, "Message": "Unauthorised"}


@pytest.mark.parametrize(
    ("parameter", "value"), [("Source", "no-such"), ("Destination", "no-such"), ("Options", "{")]
)
def test_run_backup_checks_what_it_is_told(emulator, device, parameter, value):
    what = {"TargetID": device.target, "Source": device.source, "Destination": device.vault, parameter: value}

    assert emulator.call("admin/dispatcher/run-backup-custom", **what)["Status"] == 400


def test_connections_are_narrowed_to_one_user(emulator, device):
    narrowed = emulator.call("admin/dispatcher/list-active", UserNameFilter=device.username)

    assert device.target in narrowed
    assert {live["Username"] for live in narrowed.values()} == {device.username}


def test_cancel_ends_a_job_for_good(emulator, device):
    guid = start_job(emulator, device, seconds=600)
    assert job_of(emulator, guid)["CancellationID"]
    emulator.order("advance", seconds=30)

    answer = emulator.call("admin/job/cancel", TargetUser=device.username, JobID=guid)

    cancelled = job_of(emulator, guid)
    assert (answer["Status"], cancelled["Status"]) == (200, 7005)
    assert 30 <= cancelled["EndTime"] - cancelled["StartTime"] < 60
    assert emulator.call("admin/job/cancel", TargetUser=device.username, JobID=guid)["Status"] == 400
    emulator.restart()
    assert job_of(emulator, guid) == cancelled


def test_cancel_needs_a_live_connection_and_abandon_does_not(emulator):
    standouts = emulator.order("state")["standouts"]
    offline = next(device for device, how in standouts.items() if how == "silent")
    profiles = emulator.call("admin/list-users-full").values()
    username = next(profile["Username"] for profile in profiles if offline in profile["Devices"])
    guid = emulator.order("jobs/start", username=username, device_id=offline, duration_seconds=600)["guid"]
    what = {"TargetUser": username, "JobID": guid}

    assert emulator.call("admin/job/cancel", **what)["Status"] == 400
    assert emulator.call("admin/job/abandon", **what)["Status"] == 200

    assert job_of(emulator, guid)["Status"] == 7007
    assert emulator.call("admin/job/abandon", **what)["Status"] == 400


def test_a_job_is_cancelled_in_its_own_users_name_only(emulator, device):
    guid = start_job(emulator, device, seconds=600)
    other = next(user for user in emulator.call("admin/list-users") if user != device.username)

    assert emulator.call("admin/job/cancel", TargetUser=other, JobID=guid)["Status"] == 400
    assert job_of(emulator, guid)["Status"] == 6001


def test_the_history_has_every_kind_of_job_and_outcome():
    with start_emulator(
        users=40, jobs_per_day=220, days=30, organizations=3, seed=1, start_at=START_AT
    ) as emulator:
        jobs = emulator.call("admin/get-jobs-all")
        state = emulator.order("state")
    kinds = Counter(job["Classification"] for job in jobs)
    outcomes = Counter(job["Status"] for job in jobs if job["Classification"] == 4001 and job["EndTime"])

    assert set(kinds) == set(range(4001, 4012))
    assert set(outcomes) == {5000, 7000, 7001, 7002, 7003, 7004, 7005, 7006, 7007}
    assert 0.78 < outcomes[5000] / outcomes.total() < 0.9
    assert 200 * 30 < len(jobs) < 240 * 30
    assert state["users"] == 40
    assert 55 <= state["devices"] <= 90
    assert set(state["standouts"].values()) == {"failing", "silent", "stuck", "never", "offline"}
    full_hours = sum(1 for job in jobs if job["Classification"] == 4001 and job["StartTime"] % 3600 < 60)
    assert full_hours > 0.5 * kinds[4001]
