"""What servers post is kept at once, whoever writes their rows, and told to the mirror right after, once."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import requests
from django.db import OperationalError, connection, connections, transaction
from django.urls import reverse
from django.utils import timezone

from portal.fleet.models import UserProfile
from portal.jobs.models import Job
from portal.live import inbox, ingest, tasks
from portal.live.inbox import take_in
from portal.live.models import Event, PostedEvent, SetAside, StreamLease
from portal.live.twins import Post
from portal.live.webhooks import SECRET_HEADER, intake_of, secret_of
from portal.servers.placements import lock_server
from tests.portal.live.events import arrival
from tests.portal.live.posts import TRACING, ended, only_post, posting_device, streamed
from tests.portal.live.relay_thread import RelayThread
from tests.portal.live.test_webhooks import account, user
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db
on_threads = pytest.mark.django_db(transaction=True)


@pytest.fixture
def device(settings):
    return posting_device(settings)


def timed(device: Any, guid: str = "j1") -> dict[str, Any]:
    return ended(device, guid, Timestamp=int(timezone.now().timestamp()))


def kept() -> int:
    return PostedEvent.objects.count()


def test_what_is_posted_is_kept_and_then_stored_as_if_it_had_been_at_once(device):
    assert only_post(device, timed(device), tracing="t-1").status_code == 200
    one = PostedEvent.objects.get()
    assert not Event.objects.exists()

    assert take_in(device.server_id) == 1

    event = Event.objects.get()
    assert (event.source, event.tracing_id, event.digest) == ("webhook", "t-1", one.digest)
    assert event.received_at == event.posted_at == one.received_at
    assert (event.job.guid, event.problem) == ("j1", "")
    assert kept() == take_in(device.server_id) == 0


@pytest.mark.parametrize("tracing", ["t-1", "t-2"])
def test_of_deliveries_of_one_batch_that_repeat_one_another_one_is_stored(device, tracing):
    event = timed(device)
    for number, name in enumerate(["t-1", tracing, "t-3"]):
        only_post(device, event if number < 2 else timed(device, "j2"), tracing=name)
    assert take_in(device.server_id) == 3
    assert Event.objects.count() == Job.objects.count() == 2


def test_two_equal_events_without_a_time_are_both_real_in_one_batch_too(device):
    event = {"Type": 4999, "ResourceID": "x"}
    for tracing in ("t-1", "t-1", "t-2"):
        only_post(device, event, tracing=tracing)
    take_in(device.server_id)
    streamed(device, event, event, event)
    take_in(device.server_id)
    assert Event.objects.count() == 3
    assert Event.objects.exclude(posted_at=None).exclude(connection=None).count() == 2


def test_each_webhook_of_a_batch_takes_an_event_of_the_stream_of_its_own(device):
    event = {"Type": 4999, "ResourceID": "x"}
    streamed(device, event, event)
    for tracing in ("t-1", "t-2", "t-3"):
        only_post(device, event, tracing=tracing)
    take_in(device.server_id)
    assert Event.objects.count() == 3
    assert set(Event.objects.values_list("tracing_id", flat=True)) == {"t-1", "t-2", "t-3"}


def test_what_the_stream_brings_before_it_is_taken_in_is_stored_once(device):
    event = timed(device)
    only_post(device, event, tracing="t-1")
    streamed(device, event)
    take_in(device.server_id)
    assert Event.objects.get().tracing_id == "t-1"


def test_of_two_profiles_that_are_taken_in_together_the_older_does_not_undo_the_newer(device):
    only_post(device, account(4102, "Alice, renamed", ago=0))
    only_post(device, account(4100, "", ago=9))
    assert take_in(device.server_id) == 2
    assert user(device).account_name == "Alice, renamed"
    assert user(device).unread_since is not None


def test_one_that_cannot_be_stored_holds_up_no_other(device, breaks_storing):
    for number in range(5):
        only_post(device, {"Type": 4103, "Actor": breaks_storing if number == 3 else f"actor-{number}"})
    take_in(device.server_id)
    assert Event.objects.filter(type=4103).count() == 4
    assert "ZeroDivisionError" in SetAside.objects.get().reason
    assert kept() == 0


def test_what_the_database_did_not_take_stays_kept_and_is_stored_once(device, monkeypatch):
    only_post(device, timed(device))
    with monkeypatch.context() as broken:
        broken.setattr(ingest.gaps, "mark", _no_room)
        with pytest.raises(OperationalError):
            take_in(device.server_id)
    assert (kept(), Event.objects.count(), Job.objects.count()) == (1, 0, 0)
    take_in(device.server_id)
    assert (kept(), Event.objects.count(), Job.objects.count()) == (0, 1, 1)


def _no_room(*_: object, **__: object) -> None:
    raise OperationalError("database or disk is full")


def test_what_another_process_took_in_is_not_stored_again(device):
    item = arrival(0, 4103, Actor="alice").item
    with pytest.raises(ingest.Taken):
        ingest.ingest_posts(device.server_id, [Post(item, timezone.now(), "t-1", "digest", kept_as=1)])
    assert not Event.objects.exists()


def test_no_secret_is_kept(device):
    profile = {
        "Username": "alice",
        "PasswordHash": "SEKRET",
        "Destinations": {"v": {"S3SecretKey": "SEKRET"}},
    }
    only_post(device, {"Type": 4100, "Data": profile, "Timestamp": int(timezone.now().timestamp())})
    assert "SEKRET" not in PostedEvent.objects.get().told
    take_in(device.server_id)
    assert UserProfile.objects.filter(server=device.server, username="alice").exists()


def test_the_sweep_takes_in_what_no_relay_did(device):
    only_post(device, timed(device))
    tasks.sweep_streams()
    assert kept() == 1
    PostedEvent.objects.update(received_at=timezone.now() - timedelta(seconds=6))
    tasks.sweep_streams()
    assert (kept(), Event.objects.count()) == (0, 1)


@on_threads
def test_a_relay_takes_in_what_was_kept_before_it_came_and_what_comes(device):
    only_post(device, timed(device))
    with RelayThread():
        wait_for(lambda: Job.objects.filter(guid="j1").exists())
        only_post(device, timed(device, "j2"))
        wait_for(lambda: Job.objects.filter(guid="j2").exists())
    assert kept() == 0


class Door:
    """Posts to a portal that listens, as a server does."""

    def __init__(self, portal: Any, device: Any) -> None:
        intake = intake_of(device.server)
        self._url = f"{portal.url}{reverse('live:webhook-receive', args=[intake.key])}"
        self._headers = {SECRET_HEADER: secret_of(intake), TRACING: "t-1"}
        self._event = timed(device)

    def post(self) -> int:
        return requests.post(self._url, json=self._event, headers=self._headers, timeout=20).status_code


@contextmanager
def in_another_thread(work: Any) -> Iterator[None]:
    """Inside the context `work` has been done in a transaction that is open still."""
    done, end = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            with transaction.atomic():
                work()
                done.set()
                end.wait(20)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as threads:
        holding = threads.submit(hold)
        try:
            assert done.wait(20)
            yield
        finally:
            end.set()
        holding.result()


@on_threads
def test_the_answer_does_not_wait_for_who_writes_the_rows_of_the_server(device, live_portal):
    if connection.vendor == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    door = Door(live_portal, device)

    def as_a_sync_and_a_stream_do() -> None:
        StreamLease.objects.select_for_update().get(server=device.server)
        lock_server(device.server)

    with in_another_thread(as_a_sync_and_a_stream_do):
        assert door.post() == 200
        assert kept() == 1


@on_threads
def test_who_cannot_have_the_lock_in_time_is_asked_to_send_it_again(device, live_portal, monkeypatch):
    monkeypatch.setattr(inbox, "LOCK_SECONDS", 0.1)
    if connection.vendor == "sqlite":
        monkeypatch.setitem(connections.settings["default"]["OPTIONS"], "timeout", 0.1)
    door = Door(live_portal, device)

    def write() -> None:
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute("LOCK TABLE live_postedevent IN ACCESS EXCLUSIVE MODE")

    with in_another_thread(write):
        assert door.post() == 503
    assert kept() == 0
    assert door.post() == 200


@on_threads
def test_without_a_database_what_is_posted_is_asked_for_again(device, live_portal, monkeypatch):
    door = Door(live_portal, device)
    with monkeypatch.context() as gone:
        gone.setitem(connections.settings["default"], "NAME", "/nowhere/at-all")
        assert door.post() == 503
    assert door.post() == 200
    assert kept() == 1
