"""A real worker on a real Redis, killed in the middle of an item."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis
from django.conf import settings
from django.db import connection
from django.utils import timezone

from portal.operations import registry
from portal.operations.models import OperationItem
from portal.operations.queueing import LOST_AFTER
from portal.operations.services import Target, start
from portal.operations.sweeps import sweep
from tests.factories import provider_tenant
from tests.portal.operations import blocking_kind
from tests.portal.operations.blocking_kind import INSIDE, KIND

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.chaos]
DEADLINE_SECONDS = 60


@contextmanager
def worker() -> Iterator[subprocess.Popen[bytes]]:
    """A worker of the default queue, on this test's database; killed when left."""
    options = "--queues default --pool threads --concurrency 1 --without-gossip --without-mingle"
    command = (
        f"celery --quiet --app portal worker {options} --loglevel warning --include {blocking_kind.__name__}"
    )
    process = subprocess.Popen(
        [sys.executable, "-m", *command.split()],
        env={**os.environ, "DATABASE_URL": database_url()},
        start_new_session=True,
    )
    try:
        yield process
    finally:
        kill(process)


def database_url() -> str:
    """Where this test's own database is, for another process."""
    database = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{database['NAME']}"
    return urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{database['NAME']}").geturl()


def kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def until(reached: Callable[[], Any], *, meanwhile: Callable[[], Any] = lambda: None) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not reached():
        assert time.monotonic() < deadline, "did not happen in time"
        meanwhile()
        threading.Event().wait(0.05)


@pytest.fixture
def item(monkeypatch: pytest.MonkeyPatch) -> OperationItem:
    monkeypatch.setattr(registry, "_kinds", dict(registry._kinds))
    registry.operation(KIND, permission="backup:run", repeatable=True)(blocking_kind.block_once)
    tenant = provider_tenant()
    target = Target("device", 1, "A device", tenant.pk)
    operation = start(KIND, title="A test", tenant_id=tenant.pk, user=None, targets=[target])
    return operation.items.get()


def now(item: OperationItem) -> OperationItem:
    item.refresh_from_db()
    return item


def test_a_worker_killed_in_the_middle_loses_nothing(item):
    with worker() as first:
        until(lambda: now(item).progress_text == INSIDE)
        kill(first)
    assert now(item).state == OperationItem.State.CLAIMED

    # Its claim runs out, without anybody waiting for it.
    OperationItem.objects.update(claim_expires_at=timezone.now())
    with worker():
        until(lambda: now(item).has_ended, meanwhile=sweep)

    assert (item.state, item.result) == (OperationItem.State.SUCCEEDED, {"attempts": 2})


def test_what_redis_lost_is_queued_again_by_the_sweep(item, redis_url):
    broker = redis.Redis.from_url(redis_url)
    assert broker.llen(settings.CELERY_TASK_DEFAULT_QUEUE) == 1
    broker.flushdb()
    OperationItem.objects.update(queued_at=timezone.now() - LOST_AFTER)

    sweep()

    assert broker.llen(settings.CELERY_TASK_DEFAULT_QUEUE) == 1
