"""Devices: snapshots and their files, restores, connections, revived and repeated jobs, schedules."""

import json
from collections import Counter

import pytest

from tests.comet.conformance.world import World, document
from tests.comet.emulator.conftest import START_AT
from tests.emulator_process import start_emulator


@pytest.fixture(scope="module")
def emulator():
    with start_emulator(users=50, jobs_per_day=400, days=5, seed=3, start_at=START_AT) as process:
        yield process


@pytest.fixture(scope="module")
def world(emulator):
    return World(emulator)


@pytest.fixture
def target(world):
    return world.target("engine1/file")


def browse(world: World, target, tree: str = "") -> list[dict]:
    given = {"TargetID": target.connection, "Destination": target.vault, "SnapshotID": target.snapshots[0]}
    return world.call("admin/dispatcher/request-stored-objects", TreeID=tree, **given)["StoredObjects"]


def job(world: World, guid: str) -> dict:
    return world.call("admin/get-job-properties", JobID=guid)


def test_a_snapshot_is_a_job_that_stored_something(world, target):
    jobs = world.call("admin/get-jobs-for-user", TargetUser=target.username)
    stored = {j["SnapshotID"] for j in jobs if j.get("SnapshotID") and j["DestinationGUID"] == target.vault}
    given = {"TargetID": target.connection, "Destination": target.vault}
    listed = world.call("admin/dispatcher/request-vault-snapshots", **given)["Snapshots"]

    assert {entry["Snapshot"] for entry in listed} == stored != set()


def test_files_are_browsed_level_by_level_and_found_by_name(world, target):
    level = browse(world, target)
    while any(entry["subtree"] for entry in level):
        level = browse(world, target, next(e["subtree"] for e in level if e["subtree"]))
    name = level[0]["name"]
    rule = {"ClauseType": "", "RuleField": "name", "RuleOperator": "str_eq", "RuleValue": name}
    found = world.call(
        "admin/dispatcher/search-snapshots",
        TargetID=target.connection,
        DestinationID=target.vault,
        SnapshotIDs=json.dumps(target.snapshots[:1]),
        Filter=json.dumps(rule),
    )["SnapshotFiles"]

    files = found[target.snapshots[0]]
    assert {entry["name"] for entry in files} == {name}
    assert level[0]["size"] in {entry["size"] for entry in files}


def test_a_restore_is_a_job_with_the_counts_it_was_told(world, emulator, target):
    given = {"Source": target.source, "Destination": target.vault, "Snapshot": target.snapshots[0]}
    answer = world.call(
        "admin/dispatcher/run-restore-custom",
        TargetID=target.connection,
        Options=document("RestoreJobAdvancedOptions", DestPath="C:\\Back"),
        KnownFileCount=12,
        KnownByteCount=3456,
        **given,
    )
    running = next(
        j
        for j in world.call("admin/get-jobs-for-date-range", Start=0, End=0)
        if j["Classification"] == 4002 and j["Username"] == target.username
    )
    assert answer["Status"] == 200
    emulator.order("advance", seconds=120)

    ended = job(world, running["GUID"])
    assert (ended["TotalFiles"], ended["TotalSize"], ended["SnapshotID"]) == (12, 3456, target.snapshots[0])


def test_a_deleted_snapshot_is_gone_and_its_deletion_is_a_job(world, target):
    given = {"TargetID": target.connection, "DestinationID": target.vault}
    gone = target.snapshots[-1]
    world.call("admin/dispatcher/delete-snapshot", SnapshotID=gone, **given)

    listed = world.call(
        "admin/dispatcher/request-vault-snapshots", TargetID=target.connection, Destination=target.vault
    )["Snapshots"]
    assert gone not in {entry["Snapshot"] for entry in listed}
    again = world.emulator.call("admin/dispatcher/delete-snapshot", SnapshotID=gone, **given)
    assert again["Status"] == 400
    jobs = world.call("admin/get-jobs-for-user", TargetUser=target.username)
    assert any(j["Classification"] == 4005 for j in jobs)


def test_a_device_that_hides_its_file_names_refuses_to_browse(world):
    live = world.call("admin/dispatcher/list-active")
    hidden = next(guid for guid, entry in live.items() if not entry["AllowsFilenames"])

    answer = world.emulator.call("admin/dispatcher/request-filesystem-objects", TargetID=hidden)

    assert answer["Status"] == 403


def test_a_dropped_connection_comes_back_under_another_name(world, emulator):
    guid = world.spare()
    device = world.call("admin/dispatcher/list-active")[guid]["DeviceID"]
    world.call("admin/dispatcher/drop-connection", TargetID=guid)
    assert emulator.call("admin/dispatcher/refetch-profile", TargetID=guid)["Status"] == 403
    assert device not in {e["DeviceID"] for e in world.call("admin/dispatcher/list-active").values()}

    emulator.order("advance", seconds=60)

    back = {e["DeviceID"]: g for g, e in world.call("admin/dispatcher/list-active").items()}
    assert back.get(device, guid) != guid


def test_a_killed_process_stays_away_until_an_order_brings_it_back(world, emulator):
    guid = world.spare()
    device = world.call("admin/dispatcher/list-active")[guid]["DeviceID"]
    world.call("admin/dispatcher/kill-process", TargetID=guid)
    emulator.order("advance", seconds=600)
    assert device not in {e["DeviceID"] for e in world.call("admin/dispatcher/list-active").values()}

    emulator.order("connections/restore")
    emulator.order("advance", seconds=1600)

    assert device in {e["DeviceID"] for e in world.call("admin/dispatcher/list-active").values()}


def test_devices_can_hold_two_connections(world, emulator):
    device = next(iter(world.call("admin/dispatcher/list-active").values()))["DeviceID"]
    assert emulator.order("connections/double", seconds=30, device_id=device)["doubled"] >= 1

    active = world.call("admin/dispatcher/list-active")
    assert Counter(entry["DeviceID"] for entry in active.values())[device] == 2
    emulator.order("advance", seconds=31)
    active = world.call("admin/dispatcher/list-active")
    assert Counter(entry["DeviceID"] for entry in active.values())[device] <= 1


def test_an_abandoned_job_is_revived_when_its_device_reports_again(world, emulator):
    live = next(iter(world.call("admin/dispatcher/list-active").values()))
    order = {"username": live["Username"], "device_id": live["DeviceID"], "duration_seconds": 600}
    guid = emulator.order("jobs/start", **order)["guid"]
    world.call("admin/job/abandon", TargetUser=live["Username"], JobID=guid)
    assert (job(world, guid)["Status"], job(world, guid)["EndTime"] > 0) == (7007, True)

    emulator.order("advance", seconds=125)
    assert (job(world, guid)["Status"], job(world, guid)["EndTime"]) == (6002, 0)
    log = world.emulator.post("admin/get-job-log", JobID=guid)
    assert (log.status_code, "items" in log.text) == (200, True)
    emulator.order("advance", seconds=600)

    assert job(world, guid)["Status"] in (5000, 7001)


def test_some_failed_backups_try_again_and_count_it(world, emulator):
    jobs = world.call("admin/get-jobs-all")
    again = [j for j in jobs if j["RetryCount"] == 1 and j["EndTime"]]

    assert again
    assert all(j["EndTime"] - j["StartTime"] > 1800 for j in again)


def test_what_a_job_complains_of_fits_its_item_and_system(world):
    fits = {
        "SQL Server": {"engine1/mssql"},
        "mysqldump": {"engine1/mysql"},
        "mongodump": {"engine1/mongodb"},
        "Virtual machine": {"engine1/hyperv", "engine1/vmware", "engine1/proxmox"},
        "Couldn't open": {"engine1/file"},
    }
    checked = 0
    profiles = world.call("admin/list-users-full")
    for entry in world.call("admin/get-jobs-all"):
        if entry["Status"] != 7002 or not entry["SourceGUID"]:
            continue
        source = profiles[entry["Username"]]["Sources"].get(entry["SourceGUID"])
        system = profiles[entry["Username"]]["Devices"].get(entry["DeviceID"], {}).get("PlatformVersion", {})
        log = world.emulator.post("admin/get-job-log", JobID=entry["GUID"]).text
        for words, engines in fits.items():
            if words in log and source:
                assert source["Engine"] in engines, log
                checked += 1
        assert not ("VSS_E" in log and system.get("os") != "windows")
        assert not ("Full Disk Access" in log and system.get("os") != "darwin")
    assert checked > 3


def test_a_schedule_made_by_a_call_fires(world, emulator):
    live = next(iter(world.call("admin/dispatcher/list-active").values()))
    name = live["Username"]
    vault = next(iter(world.profile(name)["Destinations"]))
    hourly = json.loads(document("ScheduleConfig", FrequencyType=8015, SecondsPast=600))
    rule = json.loads(document("BackupRuleConfig", Destination=vault, Schedules=[hourly]))
    source = document("SourceConfig", Engine="engine1/file", Description="Own", OwnerDevice=live["DeviceID"])
    given = {"Source": source, "BackupRules": json.dumps({"own-rule": rule})}
    world.call("admin/set-protected-item-with-backup-rules", TargetUser=name, SourceID="own-item", **given)

    emulator.order("advance", seconds=1300)

    own = [j for j in world.call("admin/get-jobs-for-user", TargetUser=name) if j["SourceGUID"] == "own-item"]
    assert len(own) in (2, 3)  # marks of ten minutes in 1,300 seconds
    assert {j["BackupRuleGUID"] for j in own} == {"own-rule"}
    assert all(j["StartTime"] % 600 < 60 for j in own)
