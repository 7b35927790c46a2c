"""Items that follow a Job move and end as the Job does."""

from datetime import timedelta

import pytest
from django.utils import timezone

from portal.core.states import State as JobState
from portal.operations.models import Operation, OperationItem
from portal.operations.registry import Follow
from portal.operations.services import JobMove, jobs_moved
from portal.operations.sweeps import sweep
from portal.operations.tasks import run_item
from portal.operations.totals import ADDED_UP
from tests.factories import CometServerFactory, JobFactory

State = OperationItem.State


@pytest.fixture
def server(db):
    return CometServerFactory()


@pytest.fixture
def item(begin, work, server):
    """An item that follows `the-job` of `server`."""
    work.does = lambda item, progress: Follow(server.pk, "the-job", "Waiting for the Job to begin")
    operation = begin("test.once")
    run_item(operation.items.get().pk)
    return OperationItem.objects.get(operation=operation)


def move(state=JobState.RUNNING, status=6001, text="", done=0, total=0, **more):
    return JobMove("the-job", state, status, done, total, text, **{"ended": False, **more})


def test_it_moves_as_the_job_does(item, server):
    jobs_moved(server.pk, [move(done=312, total=1204, text="312 of 1,204 files", counter=7)])

    item.refresh_from_db()
    item.operation.refresh_from_db()
    assert (item.percent, item.progress_text) == (25, "312 of 1,204 files")
    assert (item.operation.percent, item.operation.state) == (25, Operation.State.RUNNING)


def test_a_job_of_the_same_guid_on_another_server_is_not_its_job(item):
    jobs_moved(CometServerFactory().pk, [move(done=1, total=2)])

    item.refresh_from_db()
    assert item.progress_total == 0


def test_no_news_is_no_sign_of_life(item, server):
    jobs_moved(server.pk, [move(done=1, total=2, counter=7)])
    earlier = timezone.now() - timedelta(minutes=1)
    OperationItem.objects.update(progress_at=earlier, stalled=True)

    jobs_moved(server.pk, [move(done=1, total=2, counter=7)])
    item.refresh_from_db()
    assert (item.progress_at, item.stalled) == (earlier, True)

    jobs_moved(server.pk, [move(done=1, total=2, counter=8)])
    item.refresh_from_db()
    assert item.progress_at > earlier
    assert not item.stalled


@pytest.mark.parametrize(
    ("job_state", "status", "item_state", "operation_state"),
    [
        (JobState.SUCCEEDED, 5000, State.SUCCEEDED, Operation.State.SUCCEEDED),
        (JobState.WARNING, 7001, State.SUCCEEDED, Operation.State.SUCCEEDED),
        (JobState.FAILED, 7003, State.FAILED, Operation.State.FAILED),
        (JobState.SKIPPED, 7005, State.CANCELLED, Operation.State.CANCELLED),
        (JobState.UNKNOWN, 9999, State.UNCERTAIN, Operation.State.UNCERTAIN),
    ],
)
def test_it_ends_as_the_job_does(item, server, job_state, status, item_state, operation_state):
    jobs_moved(server.pk, [move(job_state, status, "Failed: quota", ended=True)])

    item.refresh_from_db()
    item.operation.refresh_from_db()
    assert (item.state, item.operation.state) == (item_state, operation_state)
    assert item.error == ("" if item_state == State.SUCCEEDED else "Failed: quota")
    assert item.result["job_status"] == status


def test_a_job_without_sign_of_life_is_waited_for_no_longer(item, server):
    jobs_moved(server.pk, [move(JobState.INTERRUPTED, 6001, "Interrupted", done=3, total=9)])

    item.refresh_from_db()
    item.operation.refresh_from_db()
    assert (item.state, item.operation.state) == (State.UNCERTAIN, Operation.State.UNCERTAIN)
    assert "no sign of life" in item.error


def test_a_job_that_ended_before_it_was_followed_ends_the_item(begin, work):
    job = JobFactory(guid="quick")
    work.does = lambda item, progress: Follow(job.server_id, "quick")
    operation = begin("test.once")

    run_item(operation.items.get().pk)

    item = operation.items.get()
    assert (item.state, item.result["job_id"]) == (State.SUCCEEDED, job.pk)


def test_the_sweep_catches_up_with_a_job_nobody_told_of(item, server):
    JobFactory(guid="the-job", server=server)
    OperationItem.objects.update(progress_at=timezone.now() - timedelta(minutes=1))

    sweep()

    item.refresh_from_db()
    assert item.state == State.SUCCEEDED


def test_an_operation_of_some_items_is_as_far_as_they_are_together(begin, work, server):
    guids = iter(["the-job", "another-job"])
    work.does = lambda item, progress: Follow(server.pk, next(guids))
    operation = begin("test.once", count=4)
    ids = list(operation.items.order_by("pk").values_list("pk", flat=True))
    for pk in ids[:2]:
        run_item(pk)

    jobs_moved(server.pk, [move(done=1, total=2)])
    operation.refresh_from_db()
    assert operation.percent == 12  # half of one in four

    jobs_moved(server.pk, [move(JobState.SUCCEEDED, 5000, ended=True)])
    operation.refresh_from_db()
    assert (operation.percent, operation.items_ended) == (25, 1)


def test_a_large_operation_counts_what_has_ended(begin, work, server):
    work.does = lambda item, progress: Follow(server.pk, "the-job")
    operation = begin("test.once", count=ADDED_UP + 1)
    run_item(operation.items.order_by("pk").first().pk)

    jobs_moved(server.pk, [move(done=1, total=2)])
    operation.refresh_from_db()
    assert operation.percent == 0

    jobs_moved(server.pk, [move(JobState.SUCCEEDED, 5000, ended=True)])
    operation.refresh_from_db()
    assert (operation.progress_done, operation.progress_total) == (1, ADDED_UP + 1)
