"""Jobs whose Counter stands still: found, with a proposal, a dry run, and what is done about them."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from portal.audit.models import Entry
from portal.core.access import Access
from portal.core.tenant_sets import EVERYTHING
from portal.fleet.models import Device
from portal.jobs import stuck
from portal.jobs.models import Job, PlacementHour
from portal.jobs.tasks import poll_server_progress
from portal.operations import runner
from portal.operations.models import Operation, OperationItem
from tests.emulated import sync
from tests.factories import DeviceFactory, JobFactory

pytestmark = pytest.mark.django_db

EVERYWHERE = Access(1, dict.fromkeys(("job:view", "job:cancel", "job:abandon"), EVERYTHING))
LIST, PLAN, RUN = (reverse(f"jobs:stuck-{name}") for name in ("list", "plan", "run"))


def ago(**time):
    return timezone.now() - timedelta(**time)


def still(device=None, **columns):
    """A running Job that has not moved for seven hours."""
    device = device or DeviceFactory(connections=1)
    columns = {"started_at": ago(hours=9), "progress_at": ago(hours=7), "cancellation_id": "c"} | columns
    return JobFactory(device=device, status=6001, state="running", ended_at=None, **columns)


def proposal(job):
    return stuck.proposals_for(
        EVERYWHERE, [Job.objects.select_related("device", "placement").get(pk=job.pk)]
    )[0]


@pytest.mark.parametrize(
    ("columns", "is_stuck"),
    [
        ({}, True),
        ({"progress_at": None}, True),
        ({"progress_at": None, "started_at": ago(hours=5)}, False),
        ({"progress_at": ago(hours=5)}, False),
        ({"state": "interrupted"}, True),
        ({"ended_at": ago(hours=7), "state": "interrupted"}, False),
    ],
)
def test_a_job_is_stuck_once_its_counter_stood_still_for_six_hours(columns, is_stuck):
    device = DeviceFactory(connections=1)
    base = {"status": 6001, "state": "running", "ended_at": None}
    base |= {"started_at": ago(hours=9), "progress_at": ago(hours=7)}
    JobFactory(device=device, **(base | columns))
    assert stuck.list_stuck(EVERYWHERE, stuck.standstill()).exists() == is_stuck


def test_how_long_is_a_setting(settings):
    still()
    settings.STUCK_JOB_HOURS = 8
    assert stuck.count_stuck(EVERYWHERE) == 0


@pytest.mark.parametrize(
    ("cancellation_id", "asked_minutes_ago", "online", "act"),
    [
        ("c", None, 1, "cancel"),
        ("c", None, 0, "abandon"),
        ("", None, 1, "abandon"),
        ("c", 9, 1, "wait"),
        ("c", 11, 1, "abandon"),
        ("c", 480, 1, "cancel"),  # it has moved since
    ],
)
def test_cancelling_is_proposed_first_and_abandoning_where_that_is_in_vain(
    cancellation_id, asked_minutes_ago, online, act
):
    asked_at = ago(minutes=asked_minutes_ago) if asked_minutes_ago else None
    device = DeviceFactory(connections=online)
    job = still(device, cancellation_id=cancellation_id, cancel_asked_at=asked_at)
    assert proposal(job).act == act


def test_the_list_shows_the_proposals_and_narrows(provider):
    job = still(DeviceFactory(connections=1, name="STUCK-PC"))
    client = provider.client()
    text = client.get(LIST).content.decode()
    assert "STUCK-PC" in text
    assert f"{PLAN}?selected={job.pk}" in text
    assert "STUCK-PC" not in client.get(LIST + "?hours=12").content.decode()
    assert "STUCK-PC" in client.get(LIST + f"?hours=2&server={job.server_id}").content.decode()
    assert client.get(LIST + "?hours=3").status_code == 422
    assert "Stuck jobs: 1" in client.get(reverse("jobs:attention")).content.decode()


def test_others_jobs_are_neither_listed_nor_planned_nor_ended(reseller, outsider):
    job = still(DeviceFactory(tenant=reseller.tenant, connections=1, name="STUCK-PC"))
    assert "STUCK-PC" in reseller.client().get(LIST).content.decode()
    client = outsider.client()
    assert "STUCK-PC" not in client.get(LIST).content.decode()
    assert client.get(f"{PLAN}?selected={job.pk}").status_code == 404
    assert "STUCK-PC" not in client.get(PLAN).content.decode()
    assert client.post(RUN, {"choice": f"{job.pk}:cancel"}).status_code == 422
    assert not Operation.objects.exists()


def test_the_dry_run_says_each_call_and_does_nothing(provider):
    still(DeviceFactory(connections=1, name="ONLINE-PC"))
    still(DeviceFactory(connections=0, name="DEAD-PC"))
    still(cancel_asked_at=timezone.now())
    text = provider.client().get(PLAN).content.decode()
    for told in ("AdminJobCancel", "AdminJobAbandon", "Cancel 1 job, abandon 1", "Left alone", "is offline"):
        assert told in text
    assert not Operation.objects.exists()


def test_the_dry_run_is_narrowed_to_what_was_selected(provider, outsider):
    chosen, also, other = still(), still(), still()
    foreign = still(DeviceFactory(tenant=outsider.tenant, connections=1))
    page = f"{PLAN}?selected={chosen.pk}&selected={also.pk}&selected=x"
    text = provider.client().get(page).content.decode()
    assert f"{chosen.pk}:cancel" in text
    assert f"{also.pk}:cancel" in text
    assert f"{other.pk}:cancel" not in text
    text = outsider.client().get(f"{page}&selected={foreign.pk}").content.decode()
    assert f"{foreign.pk}:cancel" in text
    assert f"{chosen.pk}:cancel" not in text


def test_what_was_shown_is_done_as_operations(provider):
    cancelled, abandoned = still(), still(DeviceFactory(connections=0))
    choices = [f"{cancelled.pk}:cancel", f"{abandoned.pk}:abandon"]
    answer = provider.client().post(RUN, {"choice": choices})
    assert answer.url == reverse("operations:operation-list")
    assert {(item.operation.kind, item.target_id) for item in OperationItem.objects.all()} == {
        ("job.cancel", cancelled.pk),
        ("job.abandon", abandoned.pk),
    }
    assert Entry.objects.filter(action="job.abandon", actor=provider.user).exists()


@pytest.mark.parametrize(
    "choices", [[], ["x"], ["1:"], ["{pk}:abandon"], ["{pk}:wait"], ["{pk}:cancel", "99:cancel"]]
)
def test_what_was_not_shown_is_not_done(provider, choices):
    job = still()
    answer = provider.client().post(RUN, {"choice": [choice.format(pk=job.pk) for choice in choices]})
    assert answer.status_code == 422
    assert "Nothing was done" in answer.content.decode()
    assert not Operation.objects.exists()


def test_a_customer_may_cancel_and_not_abandon(customer):
    device = DeviceFactory(tenant=customer.tenant, connections=1)
    cancel, dead = still(device), still(device, cancellation_id="")
    text = customer.client().get(PLAN).content.decode()
    assert f"{cancel.pk}:cancel" in text
    assert f"{dead.pk}:abandon" not in text
    assert customer.client().post(RUN, {"choice": f"{dead.pk}:abandon"}).status_code == 422


def test_the_list_costs_the_same_queries_for_3_as_for_30(provider, django_assert_num_queries):
    client = provider.client()
    for _ in range(3):
        still()
    client.get(LIST)
    with CaptureQueriesContext(connection) as few:
        client.get(LIST)
    for _ in range(27):
        still()
    with django_assert_num_queries(len(few)):
        client.get(LIST)


@pytest.mark.skipif(
    connection.vendor != "sqlite", reason="PostgreSQL reads a small table whole whatever it has"
)
def test_looking_for_stuck_jobs_reads_no_history():
    with CaptureQueriesContext(connection) as queries:
        list(stuck.list_stuck(EVERYWHERE, stuck.standstill()))
    asked = next(query["sql"] for query in queries if "jobs_job" in query["sql"])
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {asked}")
        plan = " ".join(row[3] for row in cursor.fetchall())
    assert "job_unfinished" in plan


@pytest.fixture
def running(emulator, linked, provider):
    """A Job that runs at the emulated server, and is known here; it has stood still as far as is known."""
    sync(linked, provider.user)
    device = Device.objects.select_related("profile").filter(connections__gt=0).order_by("pk").first()
    guid = emulator.order(
        "jobs/start", username=device.profile.username, device_id=device.device_id, duration_seconds=600
    )["guid"]
    poll_server_progress(linked.pk)
    Job.objects.filter(guid=guid).update(started_at=ago(hours=9), progress_at=ago(hours=7))
    return Job.objects.get(guid=guid)


def act_on(provider, job, act):
    assert provider.client().post(RUN, {"choice": f"{job.pk}:{act}"}).status_code == 302
    item = OperationItem.objects.order_by("pk").last()
    runner.run(item.pk)
    item.refresh_from_db()
    job.refresh_from_db()
    return item


def test_a_device_that_was_told_to_stop_is_remembered(running, provider):
    item = act_on(provider, running, "cancel")
    assert item.state == "succeeded"
    assert running.status == 7005
    assert running.cancel_asked_at is not None


def test_an_abandoned_job_has_ended_here_and_there(emulator, running, provider):
    Job.objects.filter(pk=running.pk).update(cancel_asked_at=ago(minutes=20), progress_counter=10**12)
    item = act_on(provider, running, "abandon")
    assert (item.state, item.progress_text) == ("succeeded", "It was marked as abandoned")
    assert running.status == 7007
    assert running.ended_at is not None


def test_a_job_that_has_moved_since_is_not_abandoned(emulator, running, provider):
    Job.objects.filter(pk=running.pk).update(cancellation_id="", progress_counter=0)
    emulator.order("advance", seconds=120)
    item = act_on(provider, running, "abandon")
    assert item.state == "failed"
    assert "has moved" in item.error
    assert running.ended_at is None


def test_a_job_the_server_does_not_have_is_closed_where_it_was_counted(running, provider):
    moved_at = ago(hours=7)
    Job.objects.filter(pk=running.pk).update(
        guid="00000000-0000-4000-8000-000000000000",
        state="interrupted",
        progress_at=moved_at,
        cancellation_id="",
    )
    before = list(PlacementHour.objects.order_by("pk").values())
    item = act_on(provider, running, "abandon")
    assert item.state == "succeeded"
    assert running.ended_at == moved_at
    assert list(PlacementHour.objects.order_by("pk").values()) == before
