"""Streams of an emulated Comet Server, held by a relay: real websocket, real database, real Redis."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import F
from django.utils import timezone

from portal.core.events import FACTS_CHANNEL, decode_facts, redis_connection
from portal.core.heartbeats import from_now
from portal.core.models import Heartbeat
from portal.fleet.models import Device
from portal.jobs.models import Job
from portal.live import leases, opening, relay, server_stream
from portal.live.gaps import close_gap, note_gap, queue_open_gaps
from portal.live.models import Event, StreamLease
from portal.live.relay import DATABASE_THREADS
from portal.live.relay_status import health_of, list_relays
from portal.live.stream_state import note_unattended
from portal.servers import clients
from portal.servers.bookkeeping import publish_server
from portal.servers.models import CometServer
from tests.emulated import link, sync
from tests.emulator_process import start_emulator
from tests.factories import CometServerFactory
from tests.portal.live.relay_thread import RelayThread
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db(transaction=True)

ROOT = Path(__file__).resolve().parents[3]


def server_now(server: CometServer) -> CometServer:
    server.refresh_from_db()
    return server


def is_up(server: CometServer) -> bool:
    return server_now(server).stream == CometServer.Stream.UP


def events_of(type_number: int) -> Any:
    return Event.objects.filter(type=type_number)


def gap_entry() -> Event:
    return Event.objects.get(source=Event.Source.PORTAL)


@contextmanager
def relay_process() -> Iterator["subprocess.Popen[bytes]"]:
    """`manage.py relay` on the test's own database; killed at the end."""
    environment = {
        **os.environ,
        "ALLOWED_NETWORKS": "127.0.0.0/8",
        "ENCRYPTION_KEYS": ",".join(settings.ENCRYPTION_KEYS),
    }
    if connection.vendor == "sqlite":
        environment["DATABASE_URL"] = f"sqlite:///{connection.settings_dict['NAME']}"
    else:
        base = os.environ["DATABASE_URL"].partition("?")
        environment["DATABASE_URL"] = base[0].rpartition("/")[0] + f"/{connection.settings_dict['NAME']}"
        environment["DATABASE_URL"] += base[1] + base[2]
    with subprocess.Popen([sys.executable, "manage.py", "relay"], cwd=ROOT, env=environment) as process:
        try:
            yield process
        finally:
            process.kill()


def stop_while_it_writes_nothing(process: "subprocess.Popen[bytes]") -> None:
    """SIGSTOP; locks that it held then would be held for good."""
    for _ in range(100):
        process.send_signal(signal.SIGSTOP)
        try:
            with quick_to_give_up(), transaction.atomic():
                StreamLease.objects.update(expires_at=F("expires_at"))
                Heartbeat.objects.update(seen_at=F("seen_at"))
        except OperationalError:
            process.send_signal(signal.SIGCONT)
            time.sleep(0.05)
        else:
            return
    raise AssertionError("it writes all the time")


@contextmanager
def quick_to_give_up() -> Iterator[None]:
    """Waits for locks 0.2 s."""
    quick, usual = ("200", "20000") if connection.vendor == "sqlite" else ("'200ms'", "DEFAULT")
    name = "PRAGMA busy_timeout" if connection.vendor == "sqlite" else "SET lock_timeout"
    with connection.cursor() as cursor:
        cursor.execute(f"{name} = {quick}")
        try:
            yield
        finally:
            cursor.execute(f"{name} = {usual}")


@pytest.fixture
def mirrored(linked, provider):
    """A linked server whose users and devices are known."""
    sync(linked, provider.user)
    return linked


def start_job(emulator, **more):
    device = Device.objects.select_related("profile").order_by("pk").first()
    order = {"username": device.profile.username, "device_id": device.device_id, **more}
    return emulator.order("jobs/start", **order)["guid"]


def test_events_of_a_linked_server_arrive(emulator, mirrored):
    with RelayThread():
        wait_for(lambda: is_up(mirrored))
        guid = start_job(emulator)
        job = wait_for(lambda: Job.objects.filter(guid=guid).first())
        assert job.state == "running"
        event = wait_for(lambda: events_of(4200).filter(job=job).first())
        assert event.summary.endswith("started")
        assert server_now(mirrored).stream_error == ""
        assert mirrored.last_event_at is not None


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_a_relay_outlives_a_database_that_ends_its_connections(emulator, mirrored, monkeypatch, error):
    failures, hold = [error("the connection is closed")] * 2, relay.hold

    def fails_at_first(*args):
        if failures:
            raise failures.pop()
        return hold(*args)

    monkeypatch.setattr(relay, "hold", fails_at_first)
    monkeypatch.setattr(relay, "RENEW", timedelta(seconds=0.3))
    with RelayThread():
        wait_for(lambda: is_up(mirrored))
    assert failures == []


def test_servers_that_never_answer_keep_no_other_waiting(emulator, mirrored, monkeypatch):
    silent = {CometServerFactory().pk for _ in range(DATABASE_THREADS + 1)}
    answer, sign_in = threading.Event(), server_stream.session_key

    def slowly_signed_in(server, **how):
        if server.pk in silent:
            answer.wait()
        return sign_in(server, **how)

    monkeypatch.setattr(server_stream, "session_key", slowly_signed_in)
    with RelayThread():
        try:
            wait_for(lambda: is_up(mirrored))
            guid = start_job(emulator)
            wait_for(lambda: Job.objects.filter(guid=guid).exists())
        finally:
            answer.set()


def test_servers_that_accept_and_never_say_more_keep_no_other_from_opening(emulator, linked, monkeypatch):
    monkeypatch.setattr(relay, "OPENING_AT_ONCE", 1)
    monkeypatch.setattr(opening, "TURN_SECONDS", 0.2)
    with start_emulator(users=1, seed=8) as silent:
        held = clients.for_server(linked).start_session()
        os.kill(silent.pid, signal.SIGSTOP)
        try:
            mute = [CometServerFactory(api_url=silent.url) for _ in range(3)]
            sign_in = server_stream.session_key
            monkeypatch.setattr(
                server_stream,
                "session_key",
                lambda server, **how: held if server in mute else sign_in(server, **how),
            )
            with RelayThread():
                wait_for(lambda: is_up(linked), seconds=server_stream.OPEN_SECONDS - 2)
                assert not any(is_up(server) for server in mute)
        finally:
            os.kill(silent.pid, signal.SIGCONT)


def test_a_server_linked_later_is_picked_up_within_two_seconds(emulator, linked):
    held = CometServer.objects.get(pk=linked.pk)
    CometServer.objects.all().delete()
    with RelayThread():
        wait_for(lambda: not StreamLease.objects.exists())
        began = time.monotonic()
        held.save(force_insert=True)
        publish_server(held)
        wait_for(lambda: is_up(held))
        assert time.monotonic() - began < 2


def test_a_server_that_is_unlinked_is_let_go(emulator, linked):
    with RelayThread():
        wait_for(lambda: emulator.order("state")["streams"] == 1)
        CometServer.objects.update(unlinking_at=timezone.now())
        publish_server(linked)
        wait_for(lambda: emulator.order("state")["streams"] == 0, seconds=2)


def test_a_refused_credential_is_said_and_a_new_one_is_used_at_once(emulator, linked):
    right = linked.password
    CometServer.objects.update(password="wrong", credential_changed_at=timezone.now())
    with RelayThread():
        down = wait_for(lambda: server_now(linked).stream == "down" and linked)
        assert linked.name in down.stream_error
        assert "403" in down.stream_error
        CometServer.objects.update(password=right, credential_changed_at=timezone.now())
        publish_server(linked)
        wait_for(lambda: is_up(linked), seconds=2)


def test_a_server_that_does_not_say_goodbye_keeps_no_other_waiting(emulator, linked, provider):
    with start_emulator(users=1, seed=8) as silent, RelayThread():
        ending = link(silent, provider, name="fr-lyon-1")
        wait_for(lambda: events_of(4000).count() == 2)
        os.kill(silent.pid, signal.SIGSTOP)
        try:
            CometServer.objects.filter(pk=ending.pk).update(unlinking_at=timezone.now())
            CometServer.objects.filter(pk=linked.pk).update(credential_changed_at=timezone.now())
            publish_server(ending)
            wait_for(lambda: events_of(4000).count() == 3, seconds=2)
        finally:
            os.kill(silent.pid, signal.SIGCONT)


def test_a_session_key_that_ran_out_is_renewed(emulator, linked):
    with RelayThread():
        wait_for(lambda: events_of(4000).exists())
        held = clients.for_server(linked).start_session()
        with clients.new_client(linked.api_url, held) as other:
            other.end_session()
        emulator.order("streams/drop", seconds=0)
        wait_for(lambda: events_of(4000).count() == 2)
        assert clients.for_server(linked).start_session() != held


def test_a_dropped_stream_is_opened_again_and_the_gap_noted(emulator, mirrored):
    with RelayThread():
        wait_for(lambda: is_up(mirrored))
        close_gap(mirrored.pk)
        assert StreamLease.objects.get().gap_since is None
        emulator.order("streams/drop", seconds=0)
        wait_for(lambda: StreamLease.objects.get().gap_since)
        wait_for(lambda: is_up(mirrored))
        wait_for(lambda: emulator.order("state")["streams"] == 1)
        assert not gap_entry().gap_is_open


def test_a_job_that_nobody_heard_of_is_there_once_the_gap_is_closed(emulator, mirrored):
    with RelayThread():
        wait_for(lambda: is_up(mirrored))
        close_gap(mirrored.pk)
        emulator.order("streams/drop", seconds=3600)
        wait_for(lambda: not is_up(mirrored))
        down = timezone.now()
        guid = start_job(emulator, duration_seconds=30)
        emulator.order("advance", seconds=60)
        back = timezone.now()
        emulator.order("clear")
        wait_for(lambda: is_up(mirrored))
    assert not Job.objects.filter(guid=guid).exists()
    close_gap(mirrored.pk)
    assert Job.objects.get(guid=guid).ended_at is not None
    assert StreamLease.objects.get().gap_since is None
    entry = gap_entry()
    assert entry.data["caught_up"]["jobs"] >= 1
    assert entry.data["caught_up_at"]
    assert entry.happened_at < down < back < entry.received_at


def test_a_silent_stream_is_opened_again_without_being_called_down(emulator, linked, monkeypatch):
    monkeypatch.setattr(server_stream, "IDLE_SECONDS", 0.3)
    with RelayThread():
        wait_for(lambda: is_up(linked))
        changed_at = linked.stream_changed_at
        wait_for(lambda: events_of(4000).count() >= 3)
        assert is_up(linked)
        assert linked.stream_changed_at == changed_at
        assert StreamLease.objects.get().gap_since is not None
    entry = gap_entry()
    assert "said nothing" in entry.summary
    assert entry.data["interruptions"] >= 2


def test_a_stream_that_tells_no_hello_is_down_and_tried_again_ever_later(emulator, mirrored, monkeypatch):
    monkeypatch.setattr(opening, "HELLO_SECONDS", 0.3)
    monkeypatch.setattr(server_stream, "STEADY_SECONDS", 0.1)
    failures: list[int] = []
    monkeypatch.setattr(server_stream, "pause_after", lambda count: failures.append(count) or 0.01)
    with RelayThread():
        wait_for(lambda: is_up(mirrored))
        opened = StreamLease.objects.get().openings
        emulator.order("streams/stall", seconds=3600)
        emulator.order("streams/drop", seconds=0)
        wait_for(lambda: failures[-3:] == [2, 3, 4])
        assert not is_up(mirrored)
        assert f"{mirrored.name} did not answer as a Comet Server does" in mirrored.stream_error
        assert "no hello within 0.3 seconds" in mirrored.stream_error
        assert gap_entry().gap_is_open
        emulator.order("clear")
        wait_for(lambda: is_up(mirrored))
    health = health_of(mirrored)
    assert "no hello" in health.last_error
    assert StreamLease.objects.get().openings == opened + 1
    assert not gap_entry().gap_is_open


def test_a_stopped_server_is_said_to_be_down_and_comes_back(emulator, linked, provider):
    with RelayThread():
        wait_for(lambda: is_up(linked))
        emulator.kill()
        wait_for(lambda: not is_up(linked))
        assert linked.stream_changed_at is not None
        assert linked.name in linked.stream_error
        emulator.restart()
        wait_for(lambda: is_up(linked))
        wait_for(lambda: server_now(linked).restarts == 1)
    sync(linked, provider.user)
    close_gap(linked.pk)
    assert gap_entry().data["server_restarted"]


def test_an_event_of_an_unknown_type_is_stored(emulator, linked):
    with RelayThread():
        wait_for(lambda: is_up(linked))
        emulator.order("events/emit", Type=4987, TypeString="SEVT_NEW_THING", Data={"Password": "hunter2"})
        event = wait_for(lambda: events_of(4987).first())
        assert event.data == {"Password": "(removed)"}


def test_a_flood_arrives_whole_and_in_order(emulator, mirrored):
    with RelayThread():
        wait_for(lambda: is_up(mirrored))
        emulator.order("events/rate", per_second=400, seconds=2)
        wait_for(lambda: Event.objects.filter(type__in=[4200, 4201]).count() >= 800)
        positions = list(Event.objects.order_by("pk").values_list("position", flat=True))
        assert positions == list(range(len(positions)))


def test_a_relay_that_stops_gives_its_leases_back(linked):
    with RelayThread():
        wait_for(lambda: is_up(linked))
    lease = StreamLease.objects.get()
    assert (lease.holder, lease.expires_at) == ("", None)


def test_two_relays_come_to_hold_half_of_the_servers_each(emulator, linked, monkeypatch):
    monkeypatch.setattr(relay, "RENEW", timedelta(seconds=0.5))
    for number in range(3):
        linked.pk, linked.name, linked.license_hash = None, f"fr-par-{number + 2}", str(number)
        linked.save(force_insert=True)
    up = CometServer.objects.filter(stream="up")
    with RelayThread():
        wait_for(lambda: up.count() == 4)
        with RelayThread():
            holders = StreamLease.objects.values_list("holder")
            wait_for(lambda: sorted(Counter(holders.all()).values()) == [2, 2])
            wait_for(lambda: events_of(4000).count() == 6)  # two changed hands
        wait_for(lambda: len(set(StreamLease.objects.values_list("holder"))) == 1)
        wait_for(lambda: emulator.order("state")["streams"] == 4)


@pytest.mark.chaos
def test_a_stopped_relay_that_goes_on_writes_nothing_a_second_time(emulator, mirrored):
    with relay_process() as slow:
        wait_for(lambda: is_up(mirrored) and events_of(4000).exists())
        first = StreamLease.objects.get()
        stop_while_it_writes_nothing(slow)
        # Its time runs out, without anybody waiting for it.
        StreamLease.objects.update(expires_at=from_now(-leases.RENEW))
        Heartbeat.objects.update(seen_at=from_now(-leases.LEASE))
        with RelayThread():
            wait_for(lambda: StreamLease.objects.get().fence == first.fence + 1)
            wait_for(lambda: emulator.order("state")["streams"] == 2)
            started = {start_job(emulator) for _ in range(5)}
            told = events_of(4200).filter(resource_id__in=started)
            wait_for(lambda: told.count() == 5)
            slow.send_signal(signal.SIGCONT)
            wait_for(lambda: emulator.order("state")["streams"] == 1)
            wait_for(lambda: any(one.holder == first.holder and not one.streams for one in list_relays()))
            # While both run: the slow one may well take it when the other has said goodbye.
            assert told.count() == 5
            assert StreamLease.objects.get().fence == first.fence + 1


@pytest.mark.chaos
def test_a_killed_relays_servers_are_taken_over_within_15_seconds(emulator, linked):
    with relay_process() as first:
        wait_for(lambda: is_up(linked))
        before = StreamLease.objects.get()
        first.send_signal(signal.SIGKILL)
    with RelayThread():
        began = time.monotonic()
        taken = wait_for(
            lambda: StreamLease.objects.exclude(holder__in=["", before.holder]).first(), seconds=15
        )
        wait_for(lambda: emulator.order("state")["streams"] == 1)
        assert time.monotonic() - began < 15
        assert taken.fence == before.fence + 1


def test_a_stream_that_no_relay_follows_is_not_called_live():
    server = CometServerFactory(stream="up")
    StreamLease.objects.create(server=server, holder="dead", expires_at=timezone.now() - leases.RENEW)
    assert note_unattended() == 1
    assert server_now(server).stream == "down"
    assert "No relay follows" in server.stream_error
    assert note_unattended() == 0


def test_a_held_stream_is_left_alone_by_the_sweep():
    server = CometServerFactory(stream="up")
    StreamLease.objects.create(server=server, expires_at=timezone.now() + timedelta(seconds=5))
    assert note_unattended() == 0
    assert is_up(server)


def test_an_open_gap_is_asked_for_again_until_it_is_closed():
    server = CometServerFactory(stream="up")
    StreamLease.objects.create(server=server)
    since = timezone.now() - timedelta(hours=1)
    note_gap(server.pk, since)
    assert queue_open_gaps() == 0
    StreamLease.objects.update(gap_queued_at=timezone.now() - timedelta(minutes=5))
    assert queue_open_gaps() == 1
    CometServer.objects.update(stream="down")  # and it posts nothing
    StreamLease.objects.update(gap_queued_at=None)
    assert queue_open_gaps() == 0


def test_a_gap_waits_for_the_first_full_sync(linked):
    leases.hold("test")
    note_gap(linked.pk, timezone.now())
    close_gap(linked.pk)
    assert StreamLease.objects.get().gap_since is not None


def test_a_gap_noted_again_reaches_back_to_the_earlier_time():
    server = CometServerFactory()
    StreamLease.objects.create(server=server)
    early, late = timezone.now() - timedelta(hours=2), timezone.now()
    note_gap(server.pk, early)
    note_gap(server.pk, late, settle=True)
    lease = StreamLease.objects.get()
    assert (lease.gap_since, lease.gap_number) == (early, 2)


def test_pages_are_told_that_a_read_brought_a_server_up_to_date(emulator, mirrored):
    leases.hold("test")
    note_gap(mirrored.pk, timezone.now())
    subscription = redis_connection().pubsub(ignore_subscribe_messages=True)
    subscription.subscribe(FACTS_CHANNEL)
    subscription.get_message(timeout=2)
    close_gap(mirrored.pk)
    told = iter(lambda: subscription.get_message(timeout=0.5), None)
    facts = [fact for message in told for fact in decode_facts(message["data"])]
    subscription.close()
    assert [fact.ids for fact in facts if fact.name == "server.heard"] == [{"server": mirrored.pk}]


def test_a_gap_noted_during_a_sync_stays_open(emulator, mirrored, monkeypatch):
    leases.hold("test")
    note_gap(mirrored.pk, timezone.now())
    from portal.live import gaps

    original = gaps.remedial_sync

    def meanwhile(server, since):
        found = original(server, since)
        note_gap(server.pk, timezone.now())
        return found

    monkeypatch.setattr(gaps, "remedial_sync", meanwhile)
    close_gap(mirrored.pk)
    assert StreamLease.objects.get().gap_since is not None
