"""Background polls of Jobs: who is asked, and what follows."""

from datetime import timedelta

import pytest
import redis
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from portal.jobs import tasks
from portal.jobs.models import Job
from portal.operations.models import OperationItem
from tests.emulated import sync
from tests.factories import (
    CometServerFactory,
    DeviceFactory,
    JobFactory,
    OperationFactory,
    OperationItemFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def polled(monkeypatch):
    found = []
    monkeypatch.setattr(tasks.poll_server_progress, "apply_async", lambda args, **_: found.extend(args))
    return found


def running(server, **more):
    device = DeviceFactory(server=server, profile__server=server)
    return JobFactory(device=device, server=server, ended_at=None, state="running", status=6001, **more)


def test_only_servers_that_somebody_watches_or_an_operation_follows_are_polled(polled, redis_url):
    watched, followed, idle, empty = (CometServerFactory() for _ in range(4))
    for server in (watched, idle):
        running(server)
    for server in (watched, empty):
        redis.Redis.from_url(redis_url).set(tasks.WATCH_KEY.format(server.pk), 1, ex=15)
    OperationItemFactory(
        operation=OperationFactory(),
        state=OperationItem.State.FOLLOWING,
        follow_server=followed,
        follow_guid="job",
    )

    tasks.poll_progress()

    assert polled == [watched.pk, followed.pk]


def test_a_server_that_is_being_unlinked_is_left_alone(polled, redis_url):
    server = CometServerFactory(unlinking_at=timezone.now())
    running(server)
    redis.Redis.from_url(redis_url).set(tasks.WATCH_KEY.format(server.pk), 1, ex=15)

    tasks.poll_progress()

    assert polled == []


def test_a_poll_moves_progress_and_ends_a_followed_job_that_ended_unseen(emulator, linked, provider):
    sync(linked, provider.user)
    device = DeviceFactory._meta.model.objects.filter(server=linked).select_related("profile").first()
    order = {"username": device.profile.username, "device_id": device.device_id, "duration_seconds": 100}
    guid = emulator.order("jobs/start", **order)["guid"]
    item = OperationItemFactory(
        operation=OperationFactory(state="running", items_total=1),
        state=OperationItem.State.FOLLOWING,
        follow_server=linked,
        follow_guid=guid,
    )
    emulator.order("advance", seconds=40)
    tasks.poll_server_progress(linked.pk)
    job = Job.objects.get(guid=guid)
    assert job.state == "running"
    assert job.progress_counter > 0
    item.refresh_from_db()
    assert item.progress_counter == job.progress_counter

    emulator.order("advance", seconds=200)
    tasks.poll_server_progress(linked.pk)

    job.refresh_from_db()
    item.refresh_from_db()
    assert job.ended_at is not None
    assert item.has_ended


@pytest.mark.parametrize("state", ["running", "interrupted"])
def test_a_job_whose_end_emitted_nothing_is_reconciled(emulator, linked, provider, state):
    """Also one that stood still here: a cancel in Comet's own interface may tell of nothing."""
    sync(linked, provider.user)
    ended = Job.objects.filter(server=linked, state="succeeded").order_by("-started_at").first()
    Job.objects.filter(pk=ended.pk).update(ended_at=None, state=state, status=6001)

    tasks.reconcile_server(linked.pk)

    again = Job.objects.get(pk=ended.pk)
    assert (again.state, again.ended_at) == ("succeeded", ended.ended_at)


def test_a_job_the_server_no_longer_has_counts_as_interrupted(linked):
    job = running(linked, placement=linked.placements.get(organization_id=""))

    tasks.reconcile_server(linked.pk)

    job.refresh_from_db()
    assert (job.state, job.ended_at) == ("interrupted", None)


def test_a_silent_job_of_an_offline_device_counts_as_interrupted(linked, provider, monkeypatch):
    monkeypatch.setattr(tasks, "reconcile", lambda *_: 0)
    long_ago = timezone.now() - timedelta(hours=3)
    placement = linked.placements.get(organization_id="")
    silent, moving, connected = (
        JobFactory(
            server=linked,
            placement=placement,
            device__connections=connections,
            started_at=long_ago,
            ended_at=None,
            state="running",
            status=6001,
            progress_at=moved,
        )
        for connections, moved in ((0, long_ago), (0, timezone.now()), (1, long_ago))
    )

    tasks.reconcile_server(linked.pk)

    assert {job.pk: job.state for job in Job.objects.all()} == {
        silent.pk: "interrupted",
        moving.pk: "running",
        connected.pk: "running",
    }


def test_a_server_that_is_down_is_logged_and_nothing_else(provider):
    server = CometServerFactory(api_url="http://127.0.0.1:9", password="x")

    tasks.poll_server_progress(server.pk)
    tasks.reconcile_server(server.pk)
    tasks.fetch_server_messages(server.pk)

    assert Job.objects.count() == 0


@pytest.mark.skipif(
    connection.vendor != "sqlite", reason="PostgreSQL reads a small table whole whatever it has"
)
def test_looking_for_running_jobs_reads_no_history():
    with CaptureQueriesContext(connection) as queries:
        tasks.poll_progress()
    (asked,) = [query["sql"] for query in queries if "jobs_job" in query["sql"]]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {asked}")
        plan = " ".join(row[3] for row in cursor.fetchall())
    assert "job_unfinished" in plan
