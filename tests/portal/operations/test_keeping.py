"""A claim lasts as long as its worker, and no longer than its kind may be silent."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from portal.operations import keeping, registry
from portal.operations.models import OperationItem
from portal.operations.registry import LEASE, Done
from portal.operations.tasks import run_item

pytestmark = pytest.mark.django_db(transaction=True)
WITHIN_SECONDS = 30


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "RENEW_SECONDS", 0.05)


def until(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_SECONDS
    while not reached():
        assert time.monotonic() < deadline, "did not happen in time"
        threading.Event().wait(0.02)


def expires_at(item_id: int) -> object:
    return OperationItem.objects.values_list("claim_expires_at", flat=True).get(pk=item_id)


def test_a_claim_is_short_and_renewed_while_its_worker_works(begin, work):
    item_id = begin().items.get().pk

    def works(item, progress):
        first = expires_at(item_id)
        assert first <= timezone.now() + LEASE
        until(lambda: expires_at(item_id) > first)
        return Done({"n": 1})

    work.does = works

    run_item(item_id)

    assert OperationItem.objects.get(pk=item_id).state == OperationItem.State.SUCCEEDED


def test_a_worker_that_hangs_keeps_its_claim_no_longer_than_its_kind_may_be_silent(begin, work, monkeypatch):
    item_id = begin().items.get().pk
    kind = registry.get_kind("test.safe")
    registry.operation(
        kind.name, permission=kind.permission, repeatable=True, claim_time=timedelta(seconds=1)
    )(kind.run)

    def hangs(item, progress):
        until(lambda: expires_at(item_id) < timezone.now())
        return Done({"n": 1})

    work.does = hangs
    run_item(item_id)

    assert OperationItem.objects.get(pk=item_id).state == OperationItem.State.SUCCEEDED


def test_a_claim_that_another_worker_took_is_left_to_it(begin, work):
    item_id = begin().items.get().pk
    others = timezone.now() + timedelta(hours=1)

    def loses_it(item, progress):
        OperationItem.objects.filter(pk=item_id).update(claim_token=None, claim_expires_at=others)
        until(lambda: not any(thread.name == f"claim {item_id}" for thread in threading.enumerate()))
        return Done({"n": 1})

    work.does = loses_it

    run_item(item_id)

    assert expires_at(item_id) == others
