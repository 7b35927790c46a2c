"""Schedules that calls make: every kind fires at its time, on the device's clock, as its options want."""

import itertools
import json
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from comet import constants
from comet.emulator import schedules
from tests.comet.conformance.world import Target, World, document
from tests.comet.emulator.conftest import START_AT
from tests.emulator_process import start_emulator

DAY = 86_400
BERLIN = ZoneInfo("Europe/Berlin")
KINDS = {
    schedules.ONCE: "ONCEONLY",
    schedules.DAILY: "DAILY",
    schedules.HOURLY: "HOURLY",
    schedules.WEEKLY: "WEEKLY",
    schedules.MONTHLY: "MONTHLY",
    schedules.PERIODIC: "PERIODIC",
    schedules.YEARLY: "YEARLY",
}


def schedule(kind: int, past: int, **fields) -> dict:
    return json.loads(document("ScheduleConfig", FrequencyType=kind, SecondsPast=past, **fields))


def moments(what: dict, begins: datetime, days: int) -> list[datetime]:
    """When the schedule is due within so many days, on the clock of Berlin."""
    first = int(begins.timestamp()) // 60
    found = []
    for minute in range(first, first + days * 1440):
        local = datetime.fromtimestamp(minute * 60, BERLIN)
        at = schedules.due(what, minute, local)
        if at is not None:
            found.append(datetime.fromtimestamp(at, BERLIN))
    return found


def berlin(*when: int) -> datetime:
    return datetime(*when, tzinfo=BERLIN)


def test_the_kinds_are_those_of_the_description():
    named = {f"SCHEDULE_FREQUENCY_{name}": kind for kind, name in KINDS.items()}
    described = {
        name: getattr(constants, name)
        for name in dir(constants)
        if name.startswith("SCHEDULE_FREQUENCY_") and not name.endswith(("LOWEST", "HIGHEST"))
    }

    assert (described or named) == named
    assert set(KINDS) == set(range(8010, 8017))


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        (schedule(schedules.DAILY, 7 * 3600 + 90), [berlin(2025, 6, d, 7, 1, 30) for d in (1, 2, 3)]),
        (schedule(schedules.WEEKLY, DAY + 3600), [berlin(2025, 6, 2, 1)]),
        (schedule(schedules.MONTHLY, DAY + 9 * 3600), [berlin(2025, 6, 2, 9)]),
        (
            schedule(schedules.YEARLY, 3600, SelectedMonth=6, SelectedDay=3),
            [berlin(2025, 6, 3, 1)],
        ),
        (schedule(schedules.YEARLY, 3600, SelectedMonth=7, SelectedDay=3), []),
        (
            schedule(schedules.ONCE, int(berlin(2025, 6, 2, 12, 0, 5).timestamp())),
            [berlin(2025, 6, 2, 12, 0, 5)],
        ),
        (
            schedule(schedules.PERIODIC, DAY, Offset=1800),
            [berlin(2025, 6, d, 2, 30) for d in (1, 2, 3)],
        ),
        (
            schedule(
                schedules.HOURLY,
                600,
                RestrictRuntime=True,
                FromTime={"Hour": 23, "Minutes": 0},
                ToTime={"Hour": 1, "Minutes": 0},
                RestrictDays=True,
                DaysSelect={**json.loads(document("DaysOfWeekConfig")), "Monday": True},
            ),
            [berlin(2025, 6, 2, 0, 10), berlin(2025, 6, 2, 23, 10)],
        ),
    ],
    ids=lambda value: str(value.get("FrequencyType")) if isinstance(value, dict) else "",
)
def test_a_schedule_is_due_on_the_clock_of_its_zone(what, expected):
    assert moments(what, berlin(2025, 6, 1), 3) == expected


def test_hourly_is_due_every_hour_and_daily_once_when_clocks_change():
    autumn = berlin(2025, 10, 26)
    daily = schedule(schedules.DAILY, 2 * 3600 + 1800)

    assert len(moments(schedule(schedules.HOURLY, 300), autumn, 1)) == 24
    assert len(moments(daily, autumn, 1)) == 1
    assert moments(schedule(schedules.MONTHLY, 30 * DAY), berlin(2025, 6, 1), 61) == [berlin(2025, 7, 31)]


def test_a_zone_nobody_knows_is_utc():
    assert schedules.zone("Nowhere/Land").key == schedules.zone("").key == "UTC"


@pytest.fixture(scope="module")
def emulator():
    with start_emulator(users=12, jobs_per_day=60, days=3, start_at=START_AT) as process:
        yield process


@pytest.fixture
def world(emulator):
    return World(emulator)


@pytest.fixture
def alone():
    """A server that no other test has touched."""
    with start_emulator(users=12, jobs_per_day=60, days=3, start_at=START_AT) as process:
        yield World(process)


def give(world: World, target: Target, *times: dict, **fields) -> str:
    """Add a rule with these times to the target's item; its GUID."""
    profile = world.profile(target.username)
    guid = world.name("rule")
    rule = json.loads(document("BackupRuleConfig", **fields))
    rule.update(Source=target.source, Destination=target.vault, Schedules=list(times))
    profile["BackupRules"][guid] = rule
    world.call("admin/set-user-profile", TargetUser=target.username, ProfileData=json.dumps(profile))
    return guid


def now(world: World) -> int:
    return int(world.emulator.order("state")["now"])


def jobs_of(world: World, rule: str, target: Target) -> list[dict]:
    jobs = world.call("admin/get-jobs-for-user", TargetUser=target.username)
    return sorted((j for j in jobs if j.get("BackupRuleGUID") == rule), key=lambda job: job["StartTime"])


def on_the_wall(world: World, target: Target, moment: int) -> datetime:
    zone = world.profile(target.username)["Devices"][target.device_id]["DeviceTimezone"]
    return datetime.fromtimestamp(moment, ZoneInfo(zone))


def restart(world: World) -> None:
    world.emulator.kill()
    world.emulator.restart()


def in_kind(kind: int, at: datetime) -> dict:
    """A schedule of that kind that is due at that moment."""
    midnight = at.hour * 3600 + at.minute * 60 + at.second
    sunday = at.isoweekday() % 7 * DAY
    past = {
        schedules.ONCE: int(at.timestamp()),
        schedules.DAILY: midnight,
        schedules.HOURLY: midnight % 3600,
        schedules.WEEKLY: sunday + midnight,
        schedules.MONTHLY: (at.day - 1) * DAY + midnight,
        schedules.YEARLY: midnight,
        schedules.PERIODIC: 5 * 3600,
    }[kind]
    extra = {"SelectedMonth": at.month, "SelectedDay": at.day} if kind == schedules.YEARLY else {}
    if kind == schedules.PERIODIC:
        extra = {"Offset": int(at.timestamp()) % past}
    return schedule(kind, past, **extra)


def test_every_kind_made_by_a_call_fires_on_the_devices_clock(world, emulator):
    target = world.target()
    at = on_the_wall(world, target, now(world)) + timedelta(minutes=30)
    rules = {kind: give(world, target, in_kind(kind, at)) for kind in KINDS}

    emulator.order("advance", seconds=3000)

    for kind, rule in rules.items():
        begun = [job["StartTime"] for job in jobs_of(world, rule, target)]
        assert int(at.timestamp()) in begun, KINDS[kind]


def test_a_random_delay_is_the_same_every_time_and_no_longer_than_told(world, emulator):
    target = world.target()
    at = on_the_wall(world, target, now(world)) + timedelta(minutes=10)
    planned = int(at.timestamp())
    delayed = schedule(schedules.PERIODIC, 1800, Offset=planned % 1800, RandomDelaySecs=900)
    rule = give(world, target, delayed)

    emulator.order("advance", seconds=600 + 6 * 1800)

    late = [(job["StartTime"] - planned) % 1800 for job in jobs_of(world, rule, target)]
    assert len(late) >= 5
    assert len(set(late)) > 2
    assert max(late) <= 900


def test_a_run_is_skipped_while_another_is_under_way(world, emulator):
    target = world.target()
    at = on_the_wall(world, target, now(world)) + timedelta(minutes=5)
    once = in_kind(schedules.ONCE, at)
    first = give(world, target, in_kind(schedules.ONCE, at - timedelta(seconds=10)))
    second = give(world, target, once, SkipAlreadyRunning=True)
    third = give(world, target, once)

    emulator.order("advance", seconds=900)

    status = {rule: [j["Status"] for j in jobs_of(world, rule, target)] for rule in (first, second, third)}
    assert status[second] == [7006]
    assert status[first][0] != 7006
    assert status[third][0] != 7006


def test_a_failed_run_is_tried_again_after_half_an_hour_by_default(world, emulator):
    target = world.target()
    at = on_the_wall(world, target, now(world)) + timedelta(minutes=5)
    triggers = {"OnLastJobFailDoRetry": True}
    rule = give(world, target, in_kind(schedules.ONCE, at), EventTriggers=triggers)
    often = give(
        world,
        target,
        in_kind(schedules.ONCE, at + timedelta(seconds=1)),
        EventTriggers={**triggers, "LastJobFailDoRetryTime": 1, "LastJobFailDoRetryCount": 2},
    )
    given_up = give(world, target, in_kind(schedules.ONCE, at + timedelta(seconds=2)))
    order = {"username": target.username, "device_id": target.device_id}
    emulator.order("jobs/outcome", **order, status=7002)
    emulator.order("jobs/outcome", **order, status=5000)
    emulator.order("jobs/outcome", **order, status=7002, times=4)

    emulator.order("advance", seconds=300 + 180)
    [waiting] = jobs_of(world, rule, target)
    emulator.order("advance", seconds=1860)
    [done] = jobs_of(world, rule, target)

    assert (waiting["Status"], waiting["EndTime"], waiting["RetryCount"]) == (6003, 0, 0)
    assert (done["Status"], done["RetryCount"]) == (5000, 1)
    assert done["EndTime"] - done["StartTime"] > 1800
    [job] = jobs_of(world, often, target)
    assert (job["Status"], job["RetryCount"]) == (7002, 2)
    [job] = jobs_of(world, given_up, target)
    assert (job["Status"], job["RetryCount"]) == (7002, 0)


def test_a_run_that_takes_too_long_is_cancelled(world, emulator):
    target = world.target()
    at = on_the_wall(world, target, now(world)) + timedelta(minutes=5)
    rule = give(world, target, in_kind(schedules.ONCE, at), StopAfter=7)

    emulator.order("advance", seconds=600)

    [job] = jobs_of(world, rule, target)
    assert (job["Status"], job["EndTime"] - job["StartTime"]) == (7005, 7)


def test_a_missed_run_is_told_half_hourly_and_made_up_for_when_the_device_is_back(alone):
    world, emulator = alone, alone.emulator
    target = world.target()
    world.call("admin/dispatcher/kill-process", TargetID=target.connection)
    at = on_the_wall(world, target, now(world)) + timedelta(minutes=5)
    rule = give(world, target, in_kind(schedules.ONCE, at), EventTriggers={"OnPCBootIfLastJobMissed": True})
    planned = int(at.timestamp())
    noticed = (planned + 900) // 1800 * 1800 + 1800

    emulator.order("advance", seconds=noticed - now(world) - 30)
    assert jobs_of(world, rule, target) == []
    restart(world)
    emulator.order("advance", seconds=40)
    [missed] = jobs_of(world, rule, target)
    emulator.order("connections/restore")
    emulator.order("advance", seconds=1)

    assert (missed["Status"], missed["StartTime"], missed["EndTime"]) == (7004, planned, planned)
    again = jobs_of(world, rule, target)
    assert [job["Status"] for job in again] == [7004, 6001]


def test_runs_that_were_due_while_the_server_was_away_are_there_afterwards():
    with start_emulator(users=6, days=3, start_at=START_AT, speed=600) as emulator:
        world = World(emulator)
        target = world.target()
        rule = give(world, target, schedule(schedules.PERIODIC, 120))
        emulator.order("advance", seconds=3600)
        down_from = now(world)
        restart(world)
        up_at = emulator.call("admin/meta/version")["ServerStartTime"]
        begun = [job["StartTime"] for job in jobs_of(world, rule, target)]

    assert [at for at in begun if down_from < at < up_at]
    assert {after - before for before, after in itertools.pairwise(begun)} == {120}


def test_seeded_schedules_fire_on_the_clock_of_their_device(alone):
    emulator = alone.emulator
    profiles = emulator.call("admin/list-users-full")
    jobs = [
        job
        for job in emulator.call("admin/get-jobs-all")
        if job["Classification"] == 4001 and job["Status"] == 7004
    ]
    assert jobs
    for job in jobs:
        profile = profiles[job["Username"]]
        zone = ZoneInfo(profile["Devices"][job["DeviceID"]]["DeviceTimezone"])
        [rule] = [r for r in profile["BackupRules"].values() if r["Source"] == job["SourceGUID"]]
        local = datetime.fromtimestamp(job["StartTime"], zone)
        planned = rule["Schedules"][0]["SecondsPast"]
        assert (local.minute, local.second) == (0, 0)
        several = [j for j in jobs if j["SourceGUID"] == job["SourceGUID"]]
        assert planned // 3600 in {datetime.fromtimestamp(j["StartTime"], zone).hour for j in several}
