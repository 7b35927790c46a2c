"""What the servers pages say of event streams and the relays that read them."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django.asserts import assertContains, assertNotContains

import comet
from portal.core.heartbeats import forget, say_alive
from portal.live import leases
from portal.live.models import StreamLease
from portal.live.observing import Cause
from portal.live.relay_status import health_of
from portal.live.stream_state import note_down, note_up
from portal.servers.models import CometServer
from tests.factories import CometServerFactory

pytestmark = pytest.mark.django_db(transaction=True)

REFUSED = comet.ConnectionRefused("the connection was refused: nobody listens on this port")


@pytest.fixture
def server(provider):
    return CometServerFactory(tenant=provider.tenant, name="fr-par-2")


@pytest.fixture
def held(server):
    """The server, and the lease by which the relay `vm:312` holds it."""
    say_alive(leases.RELAY, "vm:312:0af1", {"streams": 1, "open": 1, "events": 12_345, "waiting": 6})
    leases.hold("vm:312:0af1")
    return server, StreamLease.objects.get()


def opened(lease):
    note_up(lease.server_id, fence=lease.fence, since=timezone.now(), cause=Cause.CUT)


def broken(lease, problem=REFUSED):
    note_down(lease.server_id, fence=lease.fence, since=timezone.now(), problem=problem)


def now(server):
    return CometServer.objects.get(pk=server.pk)


def page(person, server=None):
    name, args = ("server-detail", [server.pk]) if server else ("server-list", [])
    return person.client().get(reverse(f"servers:{name}", args=args))


def test_the_server_page_names_the_relay_its_reconnects_and_the_last_error(provider, held):
    server, lease = held
    opened(lease)
    broken(lease)
    broken(lease)
    opened(lease)
    shown = page(provider, server)
    assertContains(shown, "relay vm:312, since")
    assertContains(shown, "1 time<")
    assertContains(shown, "Last error: fr-par-2 did not answer: the connection was refused")
    assertNotContains(shown, "0af1")


def test_a_stream_that_is_down_says_why_once_and_that_it_is_tried_again(provider, held):
    server, lease = held
    broken(lease)
    shown = page(provider, server)
    assertContains(shown, "fr-par-2 did not answer: the connection was refused", count=1)
    assertContains(shown, "The relay tries again by itself")


def test_what_is_under_way_or_to_be_done_follows_from_how_it_stands(held):
    server, lease = held
    assert health_of(now(server)).advice == "It is being opened."
    opened(lease)
    assert health_of(now(server)).advice == ""
    StreamLease.objects.update(gap_since=timezone.now())
    assert "is being read from the server" in health_of(now(server)).advice
    say_alive(leases.RELAY, "vm:400:b")
    forget("vm:312:0af1")
    found = health_of(now(server))
    assert (found.relay, found.held_since) == ("", None)
    assert "A relay takes it within 15 seconds" in found.advice
    forget("vm:400:b")
    assert "manage.py relay" in health_of(now(server)).advice
    CometServer.objects.update(unlinking_at=timezone.now())
    assert "being unlinked" in health_of(now(server)).advice


def test_reconnects_are_counted_anew_by_another_relay(held):
    server, lease = held
    opened(lease)
    opened(lease)
    assert health_of(now(server)).reconnects == 1
    StreamLease.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    forget("vm:312:0af1")
    say_alive(leases.RELAY, "vm:400:b")
    leases.hold("vm:400:b")
    opened(StreamLease.objects.get())
    found = health_of(now(server))
    assert (found.relay, found.reconnects) == ("vm:400", 0)


def test_the_list_says_who_reads_each_stream_and_how_the_relays_are(provider, held):
    _, lease = held
    opened(lease)
    broken(lease)
    shown = page(provider)
    assertContains(shown, "by vm:312")
    assertContains(shown, "nobody listens on this port")
    assertContains(shown, "1 of 1")
    assertContains(shown, "12,345")


def test_who_does_not_see_every_server_learns_nothing_of_the_others_from_the_relays(reseller, held):
    CometServerFactory(tenant=reseller.tenant)
    assertNotContains(page(reseller), "12,345")


def test_the_list_says_when_no_relay_runs(provider, reseller, server):
    CometServerFactory(tenant=reseller.tenant)
    for person in (provider, reseller):
        assertContains(page(person), "No server is followed live.")


def test_the_list_costs_the_same_for_one_server_as_for_ten(provider, held, django_assert_num_queries):
    client = provider.client()
    with CaptureQueriesContext(connection) as few:
        client.get(reverse("servers:server-list"))
    CometServerFactory.create_batch(9, tenant=provider.tenant)
    leases.hold("vm:312:0af1")
    with django_assert_num_queries(len(few)):
        client.get(reverse("servers:server-list"))
