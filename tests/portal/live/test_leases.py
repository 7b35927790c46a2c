"""Several relays: who holds which server, by the database's clock."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.utils import timezone

from portal.core.heartbeats import forget, from_now, say_alive
from portal.core.models import Heartbeat
from portal.live import leases
from portal.live.models import StreamLease
from portal.live.relay_status import health_of, list_relays
from portal.servers.models import CometServer
from tests.factories import CometServerFactory

pytestmark = pytest.mark.django_db(transaction=True)


def look(*holders: str) -> dict[str, int]:
    """Each relay says it is alive and looks once; how many servers it holds then."""
    held = {}
    for holder in holders:
        say_alive(leases.RELAY, holder)
        held[holder] = len(leases.hold(holder).streams)
    return held


def test_two_relays_never_hold_one_server():
    servers = CometServerFactory.create_batch(3)
    first = leases.hold("first").streams
    second = leases.hold("second").streams
    assert {held.server_id for held in first} == {server.pk for server in servers}
    assert second == []


def test_an_expired_lease_changes_hands_with_a_higher_fence():
    CometServerFactory()
    [held] = leases.hold("first").streams
    StreamLease.objects.update(expires_at=from_now(-leases.RENEW))
    [taken] = leases.hold("second").streams
    assert taken.fence == held.fence + 1
    assert leases.hold("first").streams == []


def test_relays_share_the_servers_evenly():
    CometServerFactory.create_batch(7)
    assert look("first") == {"first": 7}
    assert look("second", "first", "second") == {"first": 4, "second": 3}
    look("third", "first", "second", "third", "first", "second")
    assert sorted(look("first", "second", "third").values()) == [1, 3, 3]


def test_no_server_is_held_twice_or_left_alone_while_they_share():
    CometServerFactory.create_batch(5)
    look("first")
    look("second")
    look("first", "second")
    holders = StreamLease.objects.values_list("holder", flat=True)
    assert sorted(holders) == ["first"] * 3 + ["second"] * 2


def test_a_relay_that_fell_silent_loses_its_servers_to_the_others():
    CometServerFactory.create_batch(4)
    look("first", "second", "first", "second")
    StreamLease.objects.filter(holder="first").update(expires_at=from_now(-timedelta(seconds=1)))
    Heartbeat.objects.filter(holder="first").update(seen_at=from_now(-timedelta(seconds=11)))
    assert look("second") == {"second": 4}
    # Nobody listened since the last renewal, whatever came as webhooks meanwhile.
    taken = StreamLease.objects.exclude(gap_since=None)
    assert taken.count() == 2
    assert all(lease.gap_since < timezone.now() - leases.LEASE for lease in taken)


def test_a_relay_that_ends_is_not_counted_any_more():
    CometServerFactory.create_batch(4)
    look("first", "second", "first", "second")
    leases.release("second")
    forget("second")
    assert look("first") == {"first": 4}


def test_a_lease_that_runs_on_is_left_to_its_holder_whatever_this_machines_clock_says(monkeypatch):
    CometServerFactory()
    look("first")
    ahead = timezone.now() + timedelta(hours=1)
    monkeypatch.setattr(timezone, "now", lambda: ahead)
    say_alive(leases.RELAY, "second")
    forget("first")
    assert leases.hold("second").streams == []


def test_status_names_relays_and_streams():
    server = CometServerFactory(name="fr-par-2", stream="down", stream_error="It did not answer.")
    say_alive(leases.RELAY, "one:1:a", {"streams": 1, "open": 0, "events": 12_345, "waiting": 6})
    leases.hold("one:1:a")
    told = StringIO()
    call_command("relay", "status", stdout=told)
    relay, stream = told.getvalue().splitlines()
    assert "one:1:a" in relay
    assert "0 of 1 streams open, 12,345 events, 6 waiting" in relay
    assert stream.startswith("fr-par-2: Stream down")
    assert "by one:1:a" in stream
    assert stream.endswith("It did not answer.")
    assert health_of(server).relay == "one:1"


def test_status_says_that_no_relay_runs():
    CometServerFactory(name="fr-par-2")
    told = StringIO()
    call_command("relay", "status", stdout=told)
    assert told.getvalue().splitlines()[0] == "No relay is running. Start one with `manage.py relay`."
    assert list_relays() == []


def test_what_has_not_changed_is_not_read_again():
    server = CometServerFactory()
    first = leases.hold("one")
    assert leases.hold("one", first) is first
    CometServer.objects.filter(pk=server.pk).update(credential_changed_at=timezone.now())
    changed = leases.hold("one", first)
    assert changed.streams != first.streams
    another = CometServerFactory()
    assert {held.server_id for held in leases.hold("one", changed).streams} == {server.pk, another.pk}


@pytest.mark.parametrize("servers", [1, 20])
def test_a_look_at_what_has_not_changed_asks_little(servers, django_assert_num_queries):
    CometServerFactory.create_batch(servers)
    first = leases.hold("one")
    with django_assert_num_queries(3):
        leases.hold("one", first)


def test_a_server_that_is_being_unlinked_takes_no_others_place():
    leaving, staying = CometServerFactory.create_batch(2)
    first = leases.hold("one")
    CometServer.objects.filter(pk=leaving.pk).update(unlinking_at=timezone.now())
    linked = CometServerFactory()
    held = leases.hold("one", first).streams
    assert {one.server_id for one in held} == {staying.pk, linked.pk}


def test_a_server_that_is_being_unlinked_is_held_no_more():
    server = CometServerFactory()
    first = leases.hold("one")
    CometServer.objects.filter(pk=server.pk).update(unlinking_at=timezone.now())
    assert leases.hold("one", first).streams == []
