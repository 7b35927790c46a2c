"""Items are claimed, run, tried again and ended, whatever happens to their workers."""

from datetime import timedelta
from itertools import pairwise

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

import comet
from portal.accounts.models import Membership
from portal.audit.models import Entry
from portal.operations.claims import take
from portal.operations.errors import ItemFailed, OutcomeUnknown
from portal.operations.models import Operation, OperationItem
from portal.operations.registry import Follow
from portal.operations.runner import MAX_ATTEMPTS, MAX_LOOKS, MAX_LOOKS_IN_VAIN
from portal.operations.services import cancel
from portal.operations.sweeps import sweep
from portal.operations.tasks import run_item
from tests.factories import CometServerFactory

State = OperationItem.State


def only_item(operation: Operation) -> OperationItem:
    return OperationItem.objects.get(operation=operation)


def run(operation: Operation) -> OperationItem:
    item = only_item(operation)
    run_item(item.pk)
    return only_item(operation)


def worker_dies_over(item: OperationItem) -> None:
    """What the database holds some time after a worker that had claimed the item was killed."""
    an_hour_ago = timezone.now() - timedelta(hours=1)
    OperationItem.objects.filter(pk=item.pk).update(
        state=State.CLAIMED, attempts=1, claim_expires_at=an_hour_ago, claimed_at=an_hour_ago
    )


def test_an_item_runs_to_its_end_and_ends_its_operation(begin, work):
    operation = begin()

    item = run(operation)

    operation.refresh_from_db()
    assert (item.state, item.result, item.progress_text) == (State.SUCCEEDED, {"n": 1}, "Went well")
    assert operation.state == Operation.State.SUCCEEDED
    assert operation.ended_at is not None


def test_both_halves_are_in_the_audit(begin, technician):
    operation = begin(count=2)
    begun = Entry.objects.get(action="test.safe")

    for item in operation.items.all():
        run_item(item.pk)

    ended = Entry.objects.get(begun=begun)
    assert begun.actor == technician.user
    assert (ended.outcome, ended.details) == ("done", {"state": "succeeded", "succeeded": 2})


def test_an_ended_item_is_not_run_again(begin, work):
    operation = begin()
    run(operation)

    run(operation)

    assert work.runs == 1


def test_a_claimed_item_is_not_run_by_a_second_worker(begin, work):
    operation = begin()

    def second_worker_tries(item, progress):
        work.does = lambda *_: pytest.fail("ran twice")
        run_item(item.pk)
        return Follow(CometServerFactory().pk, "guid")

    work.does = second_worker_tries
    run(operation)

    assert work.runs == 1


def test_a_failed_item_says_why_and_fails_its_operation(begin, work):
    def fails(item, progress):
        raise ItemFailed("FILE-SRV is offline.")

    work.does = fails
    operation = begin()

    item = run(operation)

    operation.refresh_from_db()
    assert (item.state, item.error) == (State.FAILED, "FILE-SRV is offline.")
    assert (operation.state, operation.items_failed) == (Operation.State.FAILED, 1)


def test_permission_is_asked_again_when_the_item_runs(begin, work, technician):
    operation = begin()
    Membership.objects.filter(user=technician.user).delete()

    item = run(operation)

    assert item.state == State.FAILED
    assert "may not do this here any more" in item.error
    assert work.runs == 0


def test_what_a_deleted_person_started_does_not_run(begin, work, technician):
    operation = begin()
    technician.user.delete()

    assert run(operation).state == State.FAILED
    assert work.runs == 0


def test_what_the_portal_starts_needs_no_person(begin):
    assert run(begin(user=None)).state == State.SUCCEEDED


@pytest.mark.parametrize("error", [comet.ConnectionRefused, comet.Timeout, comet.ServerError])
def test_a_repeatable_item_waits_and_is_tried_again(begin, work, error):
    def answers_nothing(item, progress):
        progress.report(done=3, total=9)
        raise error("no answer", server="http://10.0.0.7")

    work.does = answers_nothing
    operation = begin()

    item = run(operation)

    assert (item.state, item.progress_done, item.error) == (State.PENDING, 3, "comet-2: no answer.")
    assert item.run_after > timezone.now()
    assert run(operation).attempts == 1  # not before its time


def test_pauses_grow_and_end(begin, work):
    def answers_nothing(item, progress):
        raise comet.Timeout("no answer")

    work.does = answers_nothing
    operation = begin()
    pauses = []
    while (item := run(operation)).state == State.PENDING:
        pauses.append((item.run_after - timezone.now()).total_seconds())
        OperationItem.objects.update(run_after=None)

    assert item.state == State.FAILED
    assert len(pauses) == MAX_ATTEMPTS - 1
    assert pauses[-1] > pauses[0]
    slowness = 5  # of this machine, between the pause and here
    assert all(after > before - slowness for before, after in pairwise(pauses))


@pytest.mark.parametrize("error", [comet.Forbidden, comet.TLSError, comet.NotComet])
def test_what_a_next_try_will_not_mend_fails_at_once(begin, work, error):
    def refused(item, progress):
        raise error("no")

    work.does = refused

    assert run(begin()).state == State.FAILED


@pytest.mark.parametrize("error", [comet.ConnectionRefused, comet.Forbidden])
def test_a_call_that_was_certainly_not_done_fails_also_where_it_may_not_be_repeated(begin, work, error):
    def refused(item, progress):
        raise error("no")

    work.does = refused

    assert run(begin("test.once")).state == State.FAILED


@pytest.mark.parametrize("error", [comet.Timeout, comet.ServerError, OutcomeUnknown])
def test_a_lost_answer_is_looked_for(begin, work, error):
    def loses_answer(item, progress):
        raise error("no answer")

    work.does = loses_answer
    server = CometServerFactory()
    work.found = lambda item: Follow(server.pk, "the-job")
    operation = begin("test.once")
    assert run(operation).state == State.CLAIMED
    OperationItem.objects.update(claim_expires_at=timezone.now())

    item = run(operation)

    assert (item.state, item.follow_guid) == (State.FOLLOWING, "the-job")
    assert work.runs == 1


def test_an_outcome_that_is_not_found_is_left_to_a_person(begin, work):
    def loses_answer(item, progress):
        raise comet.Timeout("no answer")

    work.does = loses_answer
    operation = begin("test.once")
    while (item := run(operation)).state == State.CLAIMED:
        OperationItem.objects.update(claim_expires_at=timezone.now())

    operation.refresh_from_db()
    assert (item.state, item.attempts, work.runs) == (State.UNCERTAIN, MAX_LOOKS_IN_VAIN, 1)
    assert "Look at the server." in item.error
    assert operation.state == Operation.State.UNCERTAIN


def test_a_server_that_cannot_be_asked_is_asked_more_often(begin, work):
    def cannot_be_asked(*_):
        raise comet.Timeout("no answer")

    work.does = work.found = cannot_be_asked
    operation = begin("test.once")
    while (item := run(operation)).state == State.CLAIMED:
        OperationItem.objects.update(claim_expires_at=timezone.now())

    assert (item.state, item.attempts, work.runs) == (State.UNCERTAIN, MAX_LOOKS, 1)


def test_a_late_answer_mends_an_uncertain_item(begin, work):
    operation = begin("test.blind")
    server = CometServerFactory()

    def answers_after_it_was_given_up(item, progress):
        worker_dies_over(item)
        run_item(item.pk)
        assert only_item(operation).state == State.UNCERTAIN
        return Follow(server.pk, "the-job")

    work.does = answers_after_it_was_given_up
    item = run(operation)

    operation.refresh_from_db()
    assert (item.state, item.follow_guid) == (State.FOLLOWING, "the-job")
    assert (operation.state, operation.ended_at) == (Operation.State.RUNNING, None)


def test_a_repeatable_item_of_a_dead_worker_runs_again(begin, work):
    operation = begin()
    worker_dies_over(only_item(operation))

    assert run(operation).state == State.SUCCEEDED
    assert work.runs == 1


def test_an_item_of_a_dead_worker_that_may_not_be_repeated_becomes_uncertain(begin, work):
    operation = begin("test.blind")
    worker_dies_over(only_item(operation))

    item = run(operation)

    assert (item.state, work.runs) == (State.UNCERTAIN, 0)


def test_a_crash_is_told_without_its_secrets(begin, work):
    def crashes(item, progress):
        raise RuntimeError("password=hunter2")

    work.does = crashes

    item = run(begin())

    assert item.state == State.FAILED
    assert "hunter2" not in item.error


def test_a_kind_that_is_not_registered_fails_its_items(begin):
    operation = begin()
    Operation.objects.update(kind="gone.kind")

    assert "gone.kind" in run(operation).error


def test_cancelling_ends_waiting_items_at_once(begin, technician):
    operation = begin(count=3)

    cancel(operation, user=technician.user)

    operation.refresh_from_db()
    assert operation.state == Operation.State.CANCELLED
    assert operation.cancelled_by == technician.user
    assert set(operation.items.values_list("state", flat=True)) == {State.CANCELLED}


def test_a_running_item_learns_of_it_at_its_next_report(begin, work, technician):
    operation = begin()

    def is_cancelled_meanwhile(item, progress):
        cancel(operation, user=technician.user)
        progress.report(done=1, total=1)
        pytest.fail("went on")

    work.does = is_cancelled_meanwhile

    assert run(operation).state == State.CANCELLED


def test_a_followed_job_is_asked_to_stop(begin, work, technician):
    work.does = lambda item, progress: Follow(CometServerFactory().pk, "the-job")
    operation = begin("test.once")
    item = run(operation)

    cancel(operation, user=technician.user)

    assert work.asked_to_cancel == [[item.pk]]


def test_a_job_that_begins_after_the_cancel_is_asked_to_stop_too(begin, work, technician):
    operation = begin("test.once")

    def is_cancelled_meanwhile(item, progress):
        cancel(operation, user=technician.user)
        return Follow(CometServerFactory().pk, "the-job")

    work.does = is_cancelled_meanwhile
    item = run(operation)

    assert work.asked_to_cancel == [[item.pk]]


def test_an_ended_operation_is_not_cancelled(begin, technician):
    operation = begin()
    run(operation)

    cancel(operation, user=technician.user)

    operation.refresh_from_db()
    assert (operation.state, operation.cancel_requested_at) == (Operation.State.SUCCEEDED, None)


def test_a_failed_attempt_shows_how_far_it_came(begin, work):
    """Reports come faster than they are written; the last one before the failure counts."""
    operation = begin()

    def gets_to_three(item, progress):
        for done in (1, 2, 3):
            progress.report(done=done, total=8)
        raise comet.Timeout("no answer")

    work.does = gets_to_three

    item = run(operation)

    assert (item.state, item.progress_done) == (State.PENDING, 3)


def test_progress_is_shown_of_a_single_item_and_keeps_its_claim(begin, work):
    operation = begin()

    def reports(item, progress):
        worker_is_slow = timezone.now() + timedelta(seconds=1)
        OperationItem.objects.update(claim_expires_at=worker_is_slow)
        progress.report(done=2, total=8, text="2 of 8 users")
        held = only_item(operation)
        operation.refresh_from_db()
        assert (held.percent, operation.percent, operation.progress_text) == (25, 25, "2 of 8 users")
        assert held.claim_expires_at > worker_is_slow
        raise ItemFailed("Seen enough.")

    work.does = reports

    assert run(operation).error == "Seen enough."


def test_a_worker_that_lost_its_claim_stops(begin, work):
    operation = begin()

    def loses_claim(item, progress):
        worker_dies_over(item)
        work.does = lambda *_: Follow(CometServerFactory().pk, "of the second")
        run_item(item.pk)
        progress.report(done=1, total=2)
        pytest.fail("went on")

    work.does = loses_claim

    assert run(operation).follow_guid == "of the second"


def test_the_sweep_says_what_stands_still(begin, work):
    work.does = lambda item, progress: Follow(CometServerFactory().pk, "the-job")
    operation = begin("test.once")
    run(operation)
    OperationItem.objects.update(progress_at=timezone.now() - timedelta(seconds=21))

    sweep()

    assert only_item(operation).stalled


def test_items_of_an_unlinked_server_become_uncertain(begin, work):
    server = CometServerFactory()
    work.does = lambda item, progress: Follow(server.pk, "the-job")
    operation = begin("test.once")
    run(operation)
    server.delete()

    sweep()

    assert only_item(operation).state == State.UNCERTAIN


def test_a_claim_writes_the_operation_before_its_item_as_a_cancel_does(begin):
    operation = begin()
    with CaptureQueriesContext(connection) as queries:
        take(only_item(operation).pk)
    written = [query["sql"].split('"')[1] for query in queries if query["sql"].startswith("UPDATE")]
    assert written == ["operations_operation", "operations_operationitem"]


@pytest.mark.parametrize(("kind", "state"), [("test.safe", State.PENDING), ("test.once", State.UNCERTAIN)])
def test_a_database_that_is_away_for_a_moment_fails_nothing_that_can_be_repeated(begin, work, kind, state):
    def locked(item, progress):
        raise OperationalError("database is locked")

    work.does = locked
    item = run(begin(kind))
    assert item.state == state
    assert (item.run_after is not None) == (state == State.PENDING)
