"""What becomes of reports of Jobs, in whatever order and however often they come."""

import itertools
import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
import redis
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from portal.core.events import FACTS_CHANNEL, decode_facts
from portal.core.states import State
from portal.fleet.apply import apply_profiles, remove_profiles
from portal.fleet.records import ProfileRecord
from portal.jobs.apply import apply_jobs, apply_slices, mark_interrupted
from portal.jobs.changes import work_out
from portal.jobs.item_results import refresh_items
from portal.jobs.models import DeviceDay, Job, PlacementHour
from portal.jobs.records import JobRecord, ProgressRecord
from portal.jobs.rollups import COUNTED
from portal.jobs.slices import Slice
from portal.operations.models import OperationItem
from portal.servers.kinds import delete_in_chunks
from portal.servers.models import SERVER_ITSELF
from portal.servers.placements import lock_server
from tests.factories import (
    DeviceFactory,
    OperationFactory,
    OperationItemFactory,
    PlacementFactory,
    ProtectedItemFactory,
    UserProfileFactory,
)

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
RUNNING, SUCCESS, WARNING, ERROR, MISSED, CANCELLED, ABANDONED = 6001, 5000, 7001, 7002, 7004, 7005, 7007


@pytest.fixture(autouse=True)
def _at_noon():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def item(db):
    found = ProtectedItemFactory()
    PlacementFactory(server=found.server, organization_id=SERVER_ITSELF, tenant=found.server.tenant)
    return found


def report(item, guid="job", *, status=RUNNING, start=0, end=None, counter=None, **more):
    """A report of a Job of `item`; `start` and `end` are minutes before noon."""
    at = int(NOW.timestamp())
    progress = (
        None if counter is None else ProgressRecord(counter=counter, items_done=counter, items_total=10)
    )
    return JobRecord(
        guid=guid,
        username=more.pop("username", item.profile.username),
        classification=more.pop("classification", 4001),
        status=status,
        start_time=at - 60 * start,
        end_time=0 if end is None else at - 60 * end,
        source_guid=item.guid,
        device_id=more.pop("device_id", item.device.device_id),
        progress=progress,
        **more,
    )


def counts(rows):
    return {state: sum(getattr(row, state) for row in rows) for state in COUNTED}


def test_a_new_job_gets_its_owners_state_and_times(item):
    result = apply_jobs(item.server, [report(item, start=5, counter=3, total_size=900, upload_size=40)])

    job = Job.objects.get()
    assert result.jobs["job"].pk == job.pk
    assert (result.added, result.changed, result.unchanged) == (1, 0, 0)
    assert (job.placement, job.profile, job.device) == (item.placement, item.profile, item.device)
    assert (job.item_name, job.device_name) == (item.name, item.device.name)
    assert (job.state, job.started_at, job.ended_at) == ("running", NOW - timedelta(minutes=5), None)
    assert (job.progress_items, job.progress_items_total, job.size_bytes, job.upload_bytes) == (
        3,
        10,
        900,
        40,
    )


def test_the_same_reports_again_write_nothing(item):
    reports = [report(item, "one", status=ERROR, start=9, end=8), report(item, "two", counter=1)]
    apply_jobs(item.server, reports)

    again = apply_jobs(item.server, reports)

    assert (again.added, again.changed, again.unchanged) == (0, 0, 2)
    assert counts(PlacementHour.objects.all()) == counts(DeviceDay.objects.all())
    assert counts(PlacementHour.objects.all())["failed"] == 1


def test_an_end_beats_running_and_a_late_report_of_running_changes_nothing(item):
    apply_jobs(item.server, [report(item, start=9, counter=5)])
    apply_jobs(item.server, [report(item, status=SUCCESS, start=9, end=1)])

    apply_jobs(item.server, [report(item, start=9, counter=9)])

    job = Job.objects.get()
    assert (job.state, job.progress_counter) == ("succeeded", 5)


def test_the_later_of_two_ends_holds_in_any_order(item):
    apply_jobs(item.server, [report(item, status=SUCCESS, start=9, end=1)])
    apply_jobs(item.server, [report(item, status=ABANDONED, start=9, end=5)])

    assert Job.objects.get().state == "succeeded"
    assert counts(PlacementHour.objects.all()) == {**dict.fromkeys(COUNTED, 0), "succeeded": 1}


def test_an_abandoned_job_that_reports_again_runs_again_and_is_counted_once(item):
    apply_jobs(item.server, [report(item, status=ABANDONED, start=9, end=5)])
    apply_jobs(item.server, [report(item, status=6002, start=9, counter=2)])
    assert Job.objects.get().state == "running"
    assert counts(PlacementHour.objects.all())["failed"] == 0

    apply_jobs(item.server, [report(item, status=SUCCESS, start=9, end=1)])

    assert counts(PlacementHour.objects.all()) == {**dict.fromkeys(COUNTED, 0), "succeeded": 1}


def test_progress_moves_only_when_the_counter_rises(item):
    apply_jobs(item.server, [report(item, start=9, counter=4)])
    with time_machine.travel(NOW + timedelta(seconds=30), tick=False):
        apply_jobs(item.server, [report(item, start=9, counter=4)])
        apply_jobs(item.server, [report(item, start=9, counter=2)])
    assert (Job.objects.get().progress_counter, Job.objects.get().progress_at) == (4, NOW)

    with time_machine.travel(NOW + timedelta(seconds=60), tick=False):
        apply_jobs(item.server, [report(item, start=9, counter=5)])

    job = Job.objects.get()
    assert (job.progress_counter, job.progress_at) == (5, NOW + timedelta(seconds=60))


@pytest.mark.parametrize("bulk", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_any_order_and_any_repetition_end_in_the_same_rows_and_roll_ups(item, bulk, seed):
    """Roll-ups are kept by difference; counting the Jobs anew must give the same figures."""
    reports = [
        report(item, f"job-{n}", status=status, start=90 * n + 30, end=90 * n)
        for n, status in enumerate([SUCCESS, ERROR, WARNING, MISSED, CANCELLED, ERROR, SUCCESS, ERROR])
    ]
    reports += [report(item, f"job-{n}", start=90 * n + 30, counter=n) for n in range(10)]
    shuffled = random.Random(seed).choices(reports, k=60) + random.Random(seed).sample(reports, len(reports))
    for first in range(0, len(shuffled), 7):
        apply_jobs(item.server, shuffled[first : first + 7], bulk=bulk)
    if bulk:
        refresh_items(item.server)

    ended = Counter(Job.objects.exclude(ended_at=None).values_list("state", flat=True))
    assert ended == {"succeeded": 2, "failed": 3, "warning": 1, "missed": 1, "skipped": 1}
    assert counts(PlacementHour.objects.all()) == {**dict.fromkeys(COUNTED, 0), **ended}
    assert counts(DeviceDay.objects.all()) == {**dict.fromkeys(COUNTED, 0), **ended}
    item.refresh_from_db()
    item.device.refresh_from_db()
    assert (item.last_job_guid, item.last_state, item.last_status) == ("job-0", "succeeded", SUCCESS)
    assert (item.last_job_at, item.last_success_at, item.bad_since) == (NOW, NOW, None)
    assert (item.device.state, item.device.last_job_at) == ("succeeded", NOW)


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_bad_since_is_the_first_bad_result_in_a_row_in_any_order(item, order):
    reports = [
        report(item, "0", status=ERROR, start=41, end=40),
        report(item, "1", status=SUCCESS, start=31, end=30),
        report(item, "2", status=MISSED, start=20, end=20),
        report(item, "3", status=ERROR, start=11, end=10),
    ]
    for number in order:
        apply_jobs(item.server, [reports[number]])

    item.refresh_from_db()
    assert item.bad_since == NOW - timedelta(minutes=20)
    assert (item.last_state, item.last_success_at) == ("failed", NOW - timedelta(minutes=30))


def test_what_ended_before_a_success_leaves_its_item_alone(item):
    def asked(guid, **how):
        with CaptureQueriesContext(connection) as captured:
            apply_jobs(item.server, [report(item, guid, **how)])
        return [query["sql"] for query in captured if "fleet_protecteditem" in query["sql"]]

    assert any("UPDATE" in sql for sql in asked("0", status=SUCCESS, start=9, end=8))
    assert not any("UPDATE" in sql for sql in asked("1", status=ERROR, start=29, end=28))
    item.refresh_from_db()
    assert (item.last_job_guid, item.last_state, item.bad_since) == ("0", "succeeded", None)


def test_a_success_that_is_told_otherwise_brings_back_what_ended_before_it(item):
    apply_jobs(item.server, [report(item, "0", status=SUCCESS, start=31, end=30)])
    apply_jobs(
        item.server,
        [
            report(item, "0", status=ERROR, start=31, end=10),
            report(item, "1", status=ERROR, start=41, end=40),
        ],
    )

    item.refresh_from_db()
    assert (item.last_state, item.bad_since) == ("failed", NOW - timedelta(minutes=40))


def test_a_device_stands_as_the_worst_of_its_items(item):
    other = ProtectedItemFactory(device=item.device)
    apply_jobs(item.server, [report(item, "a", status=ERROR, start=9, end=8)])
    apply_jobs(item.server, [report(other, "b", status=SUCCESS, start=5, end=4)])

    item.device.refresh_from_db()
    assert item.device.state == "failed"
    assert item.device.last_job_at == NOW - timedelta(minutes=4)


def test_other_kinds_of_job_leave_items_alone(item):
    apply_jobs(item.server, [report(item, status=ERROR, start=9, end=8, classification=4002)])

    item.refresh_from_db()
    assert item.last_state == "unknown"
    assert counts(DeviceDay.objects.all())["failed"] == 1


def test_a_job_of_an_unknown_user_belongs_to_the_servers_owner_until_the_user_is_known(item):
    stranger = report(item, status=SUCCESS, start=9, end=8)
    stranger.username = "not-here-yet"
    apply_jobs(item.server, [stranger])
    job = Job.objects.get()
    assert (job.tenant_id, job.profile) == (item.server.tenant_id, None)

    device = DeviceFactory(
        profile__server=item.server, profile__username="not-here-yet", device_id=item.device.device_id
    )
    apply_jobs(item.server, [stranger])

    job.refresh_from_db()
    assert (job.device, job.placement) == (device, device.placement)
    assert counts(PlacementHour.objects.filter(placement=device.placement))["succeeded"] == 1
    assert counts(PlacementHour.objects.exclude(placement=device.placement))["succeeded"] == 0


def test_the_number_of_queries_does_not_grow_with_the_batch(item):
    def queries(size, name):
        reports = [report(item, f"{name}-{n}", status=ERROR, start=n + 2, end=n + 1) for n in range(size)]
        with CaptureQueriesContext(
            connection,
        ) as captured:
            apply_jobs(item.server, reports)
        return len(captured)

    queries(1, "warm")
    assert queries(3, "few") == queries(200, "many") <= 45


def test_a_followed_job_moves_and_ends_its_operation_item(item):
    follower = OperationItemFactory(
        operation=OperationFactory(state="running", items_total=1),
        state=OperationItem.State.FOLLOWING,
        follow_server=item.server,
        follow_guid="job",
    )
    apply_jobs(item.server, [report(item, counter=4)])
    follower.refresh_from_db()
    assert (follower.progress_done, follower.progress_total) == (4, 10)

    apply_jobs(item.server, [report(item, status=7003, end=0)])

    follower.refresh_from_db()
    assert (follower.state, follower.error) == ("failed", "Failed: quota")


@pytest.mark.django_db(transaction=True)
def test_facts_name_the_rows_and_their_tenant(redis_url, item):
    listener = redis.Redis.from_url(redis_url).pubsub(ignore_subscribe_messages=True)
    listener.subscribe(FACTS_CHANNEL)
    listener.get_message(timeout=5)

    apply_jobs(item.server, [report(item, start=2)])
    apply_jobs(item.server, [report(item, status=ERROR, start=2, end=1)])

    facts = []
    while len({fact.name for fact in facts}) < 3:
        message = listener.get_message(timeout=5)
        assert message is not None, facts
        facts += decode_facts(message["data"])
    job = Job.objects.get()
    ids = {"job": job.pk, "device": item.device_id, "server": item.server_id}
    assert [(fact.name, fact.ids) for fact in facts] == [
        ("job.added", ids),
        ("job.changed", ids),
        ("device.changed", {"device": item.device_id, "server": item.server_id}),
    ]
    assert {fact.tenant_id for fact in facts} == {item.placement.tenant_id}


def test_a_job_without_sign_of_life_counts_as_interrupted_until_it_moves(item):
    apply_jobs(item.server, [report(item, start=90, counter=4)])
    mark_interrupted(item.server, list(Job.objects.values_list("pk", flat=True)))
    apply_jobs(item.server, [report(item, start=90, counter=4)])
    assert Job.objects.get().state == State.INTERRUPTED
    assert counts(PlacementHour.objects.all())["interrupted"] == 1

    apply_jobs(item.server, [report(item, start=90, counter=5)])

    assert Job.objects.get().state == State.RUNNING
    assert counts(PlacementHour.objects.all())["interrupted"] == 0


def test_numbers_no_column_holds_and_times_no_calendar_holds_are_kept_out(item):
    odd = report(item, status=-5, start=1)
    odd.classification, odd.end_time = 10**12, 10**18
    too_long = report(item, "x" * 65)

    apply_jobs(item.server, [odd, too_long])

    job = Job.objects.get()
    assert (job.status, job.state, job.ended_at) == (0, "unknown", None)


def test_a_digest_stays_until_a_report_without_one_changes_the_job(item):
    ended = report(item, status=SUCCESS, start=9, end=5)
    apply_jobs(item.server, [ended], digests={"job": "d" * 32}, bulk=True)
    assert Job.objects.get().digest == "d" * 32

    apply_jobs(item.server, [ended])
    assert Job.objects.get().digest == "d" * 32

    apply_jobs(item.server, [report(item, status=ERROR, start=9, end=4)])
    assert Job.objects.get().digest == ""


def test_a_new_digest_alone_is_stored_and_changes_nothing_else(item):
    ended = report(item, status=SUCCESS, start=9, end=5)
    apply_jobs(item.server, [ended])
    before = list(PlacementHour.objects.values_list())

    again = apply_jobs(item.server, [ended], digests={"job": "d" * 32}, bulk=True)

    assert (again.added, again.changed, again.unchanged) == (0, 0, 1)
    assert Job.objects.get().digest == "d" * 32
    assert list(PlacementHour.objects.values_list()) == before


def test_no_digest_is_kept_of_a_job_that_runs_or_whose_owners_are_not_all_known(item):
    reports = [
        report(item, "runs", start=9),
        report(item, "stranger", status=SUCCESS, start=9, end=5, username="nobody-here"),
        report(item, "lost", status=SUCCESS, start=9, end=5, device_id="gone"),
        report(item, "stored", status=SUCCESS, start=9, end=5, destination_guid="a vault nobody knows"),
    ]
    apply_jobs(item.server, reports, digests={one.guid: "d" * 32 for one in reports}, bulk=True)

    assert set(Job.objects.values_list("digest", flat=True)) == {""}


def test_a_record_reads_the_wire_form_of_a_job():
    wire = b'{"GUID":"g","Status":6001,"StartTime":5,"Progress":{"Counter":2,"New":1},"SomethingNew":[1]}'
    assert msgspec.json.decode(wire, type=JobRecord).progress.counter == 2


@pytest.mark.parametrize("vanishes", ["device", "profile", "all"])
def test_what_vanishes_while_a_window_is_worked_out_is_pointed_at_by_no_job(item, monkeypatch, vanishes):
    username, lock = item.profile.username, lock_server

    def lock_after_an_event(server):
        monkeypatch.setattr("portal.jobs.bulk.lock_server", lock)
        if vanishes == "device":
            apply_profiles(server, [ProfileRecord(username=username)])
        elif vanishes == "profile":
            remove_profiles(server, [username])
        else:
            assert sum(delete_in_chunks(server, server.user_profiles, 50))
        return lock(server)

    monkeypatch.setattr("portal.jobs.bulk.lock_server", lock_after_an_event)
    apply_jobs(item.server, [report(item, status=SUCCESS, start=20, end=10)], bulk=True)

    job = Job.objects.get()
    assert job.device_id is None
    assert (job.profile_id is None) == (vanishes != "device")
    assert not DeviceDay.objects.exists()
    assert PlacementHour.objects.get().succeeded == 1


def test_a_user_first_told_of_while_a_window_is_worked_out_is_found(item, monkeypatch):
    def lock_after_an_event(server):
        monkeypatch.setattr("portal.jobs.bulk.lock_server", lock_server)
        apply_profiles(server, [ProfileRecord(username="new-here")])
        return lock_server(server)

    monkeypatch.setattr("portal.jobs.bulk.lock_server", lock_after_an_event)
    apply_jobs(item.server, [report(item, status=SUCCESS, start=20, end=10, username="new-here")], bulk=True)

    assert Job.objects.get().profile.username == "new-here"


def test_an_event_between_two_chunks_of_a_list_is_neither_lost_nor_counted_twice(item, monkeypatch):
    monkeypatch.setattr("portal.jobs.bulk.CHUNK", 1)
    server, lock, locked = item.server, lock_server, []

    def lock_after_an_event(server):
        locked.append(server)
        if len(locked) == 2:
            apply_jobs(server, [report(item, "second", status=ERROR, start=29, end=5)])
        return lock(server)

    monkeypatch.setattr("portal.jobs.bulk.lock_server", lock_after_an_event)
    names = ("first", "second", "third")
    listed = [report(item, guid, status=SUCCESS, start=30 - n, end=10) for n, guid in enumerate(names)]
    result = apply_jobs(server, listed, bulk=True)

    states = dict(Job.objects.values_list("guid", "state"))
    assert states == {"first": State.SUCCEEDED, "second": State.FAILED, "third": State.SUCCEEDED}
    assert (result.added, result.changed, result.unchanged) == (2, 0, 1)
    expected = dict.fromkeys(COUNTED, 0) | {State.SUCCEEDED.value: 2, State.FAILED.value: 1}
    assert counts(PlacementHour.objects.all()) == counts(DeviceDay.objects.all()) == expected


def test_what_was_worked_out_ahead_of_another_writer_is_worked_out_again_and_no_more(item, monkeypatch):
    monkeypatch.setattr("portal.jobs.bulk.CHUNK", 1)
    monkeypatch.setattr("portal.jobs.bulk.CHUNK_ALONE", 1)
    server, locked, worked_out = item.server, [], []

    def lock_after_an_event(server):
        locked.append(server)
        if len(locked) == 2:
            apply_jobs(server, [report(item, "another", status=ERROR, start=29, end=5)])
        return lock_server(server)

    def work_out_noting(server, chunk, *args, **more):
        worked_out.extend(one.guid for one in chunk)
        return work_out(server, chunk, *args, **more)

    monkeypatch.setattr("portal.jobs.bulk.lock_server", lock_after_an_event)
    monkeypatch.setattr("portal.jobs.bulk.work_out", work_out_noting)
    listed = [report(item, f"{n}", status=SUCCESS, start=30, end=10) for n in range(6)]
    assert apply_jobs(server, listed, bulk=True).added == 6

    assert Counter(worked_out) == {"0": 1, "1": 2, "2": 2, "3": 1, "4": 1, "5": 1}
    assert counts(PlacementHour.objects.all())["succeeded"] == 6


def test_a_job_that_comes_again_in_the_next_slice_of_a_list_is_counted_once(item):
    first = [report(item, f"job-{n}", status=ERROR, start=30, end=20) for n in range(3)]
    again = [report(item, f"job-{n}", status=SUCCESS, start=30, end=10) for n in range(2, 5)]
    slices = [Slice.of(first, {}), Slice.of([], {}), Slice.of(again, {})]
    result = apply_slices(item.server, slices, bulk=True)

    assert (result.added, result.changed, result.unchanged) == (5, 1, 0)
    expected = dict.fromkeys(COUNTED, 0) | {"succeeded": 3, "failed": 2}
    assert counts(PlacementHour.objects.all()) == counts(DeviceDay.objects.all()) == expected


def test_owners_that_a_later_slice_speaks_of_first_are_found(item):
    someone = UserProfileFactory(server=item.server, placement=item.placement)
    other = ProtectedItemFactory(device=DeviceFactory(profile=someone))
    first = Slice.of([report(item, "first", status=SUCCESS, start=30, end=20)], {})
    second = Slice.of([report(other, "second", status=SUCCESS, start=30, end=10)], {})
    apply_slices(item.server, [first, second], bulk=True)

    found = dict(Job.objects.values_list("guid", "device"))
    assert found == {"first": item.device_id, "second": other.device_id}


def test_a_list_of_many_chunks_is_stored_and_counted_once_whole(item, monkeypatch):
    monkeypatch.setattr("portal.jobs.bulk.CHUNK", 3)
    stored = [report(item, f"job-{n}", status=SUCCESS, start=60 + n, end=50) for n in range(4)]
    apply_jobs(item.server, stored)
    listed = [report(item, f"job-{n}", status=ERROR, start=60 + n, end=40) for n in range(10)]
    result = apply_jobs(item.server, listed, digests={one.guid: one.guid for one in listed}, bulk=True)

    assert (result.added, result.changed, result.unchanged) == (6, 4, 0)
    assert set(Job.objects.values_list("state", "digest")) == {(State.FAILED, one.guid) for one in listed}
    expected = dict.fromkeys(COUNTED, 0) | {State.FAILED.value: 10}
    assert counts(PlacementHour.objects.all()) == counts(DeviceDay.objects.all()) == expected
