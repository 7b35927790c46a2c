"""Background work of the live room."""

import pytest
from django.utils import timezone

from portal.fleet.tasks import sync_all_servers
from portal.live import tasks
from portal.operations.models import OperationItem
from tests.factories import CometServerFactory

pytestmark = pytest.mark.django_db


def test_one_gap_is_closed_once_at_a_time_and_by_another_soon_after_a_worker_died(redis_client, monkeypatch):
    closed, seconds_left = [], []

    def close(server_id):
        closed.append(server_id)
        seconds_left.extend(redis_client.ttl(key) for key in redis_client.keys("*close-gap*"))
        tasks.close_gap(server_id)

    monkeypatch.setattr(tasks.gaps, "close_gap", close)
    tasks.close_gap(7)
    tasks.close_gap(7)

    assert closed == [7, 7]
    assert all(0 < seconds <= 30 for seconds in seconds_left)
    assert len(seconds_left) == 2


def test_everything_that_events_do_not_tell_is_asked_for_in_its_time(settings):
    schedule = {entry["task"]: entry["schedule"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    assert schedule["portal.fleet.tasks.poll_connections"] == 60
    assert schedule["portal.jobs.tasks.reconcile_unfinished"] == 300
    assert schedule["portal.live.tasks.sweep_streams"] <= 15
    assert len(schedule["portal.live.tasks.read_unfollowed"].minute) == 2  # an hour, in every hour
    assert len(schedule["portal.live.tasks.read_unfollowed"].hour) == 24
    nightly = schedule["portal.fleet.tasks.sync_all_servers"]
    assert (len(nightly.hour), len(nightly.minute), len(nightly.day_of_week)) == (1, 1, 7)


def test_gaps_are_closed_on_the_queue_of_few_workers(settings):
    assert settings.CELERY_TASK_ROUTES["portal.live.tasks.close_gap"] == {"queue": "bulk"}


def test_the_nightly_sync_reads_every_linked_server_whole():
    linked = CometServerFactory.create_batch(2)
    CometServerFactory(unlinking_at=timezone.now())
    sync_all_servers()
    items = OperationItem.objects.filter(operation__kind="server.sync")
    assert {item.target_id for item in items} == {server.pk for server in linked}
