"""A real worker, killed while it moves the history of a user: nothing is lost, nothing counted twice."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import Sum
from django.utils import timezone

from portal.jobs.models import Job, PlacementHour
from portal.jobs.rollups import COUNTED
from portal.live.models import Event
from portal.operations.models import OperationItem
from portal.operations.sweeps import sweep
from portal.placing import history
from tests.factories import EventFactory
from tests.portal.jobs.test_rollups_any_order import counted_anew, kept
from tests.portal.operations.test_worker import database_url, kill, until
from tests.portal.placing.conftest import place
from tests.portal.placing.test_users import populate, report

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.chaos]

JOBS = 6000


@contextmanager
def bulk_worker() -> Iterator[subprocess.Popen[bytes]]:
    """A worker of the bulk queue, on this test's database; killed when left."""
    options = "--queues bulk --pool solo --without-gossip --without-mingle --loglevel warning"
    process = subprocess.Popen(
        [sys.executable, "-m", "celery", "--quiet", "--app", "portal", "worker", *options.split()],
        env={**os.environ, "DATABASE_URL": database_url()},
        start_new_session=True,
    )
    try:
        yield process
    finally:
        kill(process)


def totals() -> dict[str, Any]:
    """All Jobs, events and counts, whoever's they are."""
    counted = PlacementHour.objects.aggregate(*(Sum(name) for name in (*COUNTED, "upload_bytes")))
    return {"jobs": Job.objects.count(), "events": Event.objects.count(), **counted}


def test_a_worker_killed_in_the_middle_of_a_history_loses_nothing(provider, customer, board):
    from portal.jobs.apply import apply_jobs

    profile = populate(board, "maria", 1)
    apply_jobs(board.server, [report(number, "maria") for number in range(1, JOBS)], bulk=True)
    EventFactory.create_batch(300, placement=profile.placement, device=profile.devices.get())
    before, elsewhere = totals(), Job.objects.exclude(profile=profile).count()
    place(provider, "users", (profile, customer.tenant))
    item = OperationItem.objects.get(operation__kind=history.KIND)

    def moved() -> int:
        return Job.objects.filter(placement__tenant=customer.tenant).count()

    def ended() -> bool:
        item.refresh_from_db()
        return item.has_ended

    with bulk_worker() as first:
        until(lambda: moved() > history.CHUNK, meanwhile=sweep)
        kill(first)
    assert moved() < JOBS
    assert totals() == before
    assert kept() == list(counted_anew())

    OperationItem.objects.filter(pk=item.pk).update(claim_expires_at=timezone.now() - timedelta(seconds=1))
    with bulk_worker():
        until(ended, meanwhile=sweep)

    assert (item.state, moved()) == (OperationItem.State.SUCCEEDED, JOBS)
    assert totals() == before
    assert Job.objects.exclude(placement__tenant=customer.tenant).count() == elsewhere
    assert kept() == list(counted_anew())
