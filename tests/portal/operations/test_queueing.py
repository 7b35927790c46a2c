"""Which items are with Celery, and which the sweep gives to it (again)."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from portal.operations.models import OperationItem
from portal.operations.queueing import LOST_AFTER, WINDOW, due, queue_first
from portal.operations.sweeps import sweep
from portal.operations.tasks import run_item

State = OperationItem.State


def queued(operation) -> int:
    return operation.items.filter(state=State.PENDING, queued_at__isnull=False).count()


@pytest.fixture
def large(begin):
    operation = begin(count=WINDOW + 5)
    queue_first(operation.pk)
    return operation


def test_a_large_operation_is_queued_window_by_window(large):
    assert queued(large) == WINDOW

    run_item(large.items.order_by("pk").first().pk)

    assert queued(large) == WINDOW
    assert large.items.filter(queued_at=None, state=State.PENDING).count() == 4


def test_the_sweep_leaves_waiting_items_to_those_under_way(large):
    sweep()

    assert queued(large) == WINDOW


def test_an_operation_of_which_nothing_was_queued_is_found(begin):
    operation = begin(count=2)

    sweep()

    assert queued(operation) == 2


def test_what_was_queued_in_vain_is_queued_again(large):
    long_ago = timezone.now() - LOST_AFTER
    OperationItem.objects.filter(queued_at__isnull=False).update(queued_at=long_ago)

    sweep()

    assert not OperationItem.objects.filter(queued_at=long_ago).exists()


def test_an_item_that_waits_for_its_next_try_is_queued_in_its_time(begin):
    item = begin().items.get()
    OperationItem.objects.update(run_after=timezone.now() + timedelta(minutes=1), attempts=1)
    assert not due().exists()

    OperationItem.objects.update(run_after=timezone.now())

    assert due().get() == item


def test_an_item_is_taken_over_as_soon_as_its_claim_has_run_out(begin):
    item = begin().items.get()
    OperationItem.objects.update(state=State.CLAIMED, claim_expires_at=timezone.now() + timedelta(minutes=1))
    assert not due().exists()

    OperationItem.objects.update(claim_expires_at=timezone.now())

    assert due().get() == item


@pytest.mark.parametrize("name", ["Procfile", "compose.yaml"])
def test_one_operation_takes_half_of_a_workers_threads_at_most(settings, name):
    text = (settings.BASE_DIR / name).read_text()
    (threads,) = re.findall(r"--pool threads --concurrency (\d+)", text)
    assert int(threads) >= 2 * WINDOW
