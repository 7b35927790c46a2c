"""For how long nobody observed a server: one entry of its activity per gap, never two."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from websockets.exceptions import ConnectionClosedError
from websockets.frames import Close

import comet
from portal.live import leases, server_stream
from portal.live.models import Event, StreamLease
from portal.live.observing import TOGETHER, Cause, caught_up
from portal.live.stream_state import note_down, note_unattended, note_up
from tests.factories import CometServerFactory, EventFactory

pytestmark = pytest.mark.django_db

FENCE = 3
BROKEN = comet.ConnectionFailed("the event stream was closed", method="events/stream", server="fr-par-2")


@pytest.fixture
def server():
    server = CometServerFactory(stream="up", last_event_at=timezone.now() - timedelta(hours=1))
    StreamLease.objects.create(server=server, holder="relay", fence=FENCE)
    return server


def up(server, since, cause=Cause.CUT, fence=FENCE):
    note_up(server.pk, fence=fence, since=since, cause=cause)


def down(server, since, fence=FENCE):
    note_down(server.pk, fence=fence, since=since, problem=BROKEN)


def entries():
    return list(Event.objects.filter(source="portal").order_by("pk"))


def ago(**time):
    return timezone.now() - timedelta(**time)


def all_read(server, **brought):
    lease = StreamLease.objects.get(server=server)
    server.refresh_from_db()
    caught_up(lease, server, brought, is_all=True)


def test_a_cut_stream_leaves_one_entry_from_its_end_to_its_reopening(server):
    lost_at = ago(minutes=4)
    for _ in range(3):  # a relay tries again and again
        down(server, lost_at)
    [entry] = entries()
    assert entry.gap_is_open
    assert entry.happened_at == entry.received_at == lost_at

    before = timezone.now()
    up(server, lost_at)
    [entry] = entries()
    assert not entry.gap_is_open
    assert entry.happened_at == lost_at
    assert before <= entry.received_at <= timezone.now()
    assert entry.summary == "Not observed: its event stream was cut"


def test_even_a_second_leaves_an_entry(server):
    up(server, ago(seconds=1))
    [entry] = entries()
    assert entry.is_brief_gap
    assert not entry.gap_is_open


def test_a_server_that_was_never_observed_has_no_gap():
    server = CometServerFactory(stream="never", last_event_at=None)
    StreamLease.objects.create(server=server, fence=FENCE)
    down(server, ago(minutes=4))
    up(server, ago(minutes=4))
    assert entries() == []


def test_another_relays_word_leaves_no_entry(server):
    down(server, ago(minutes=4), fence=FENCE - 1)
    up(server, ago(minutes=4), fence=FENCE - 1)
    assert entries() == []


def test_interruptions_close_together_are_one_entry(server):
    first = ago(minutes=10)
    up(server, first)
    all_read(server)
    Event.objects.update(received_at=ago(minutes=9))
    up(server, ago(minutes=9) + TOGETHER / 2)
    [entry] = entries()
    assert entry.happened_at == first
    assert entry.data["interruptions"] == 2

    all_read(server)
    Event.objects.update(received_at=ago(minutes=5))
    up(server, ago(minutes=1))
    assert len(entries()) == 2


def test_what_was_not_read_yet_is_one_gap_with_what_follows(server):
    up(server, ago(minutes=10))
    Event.objects.update(received_at=ago(minutes=9))
    up(server, ago(minutes=1))
    assert len(entries()) == 1


def test_a_quiet_night_is_one_entry(server):
    for minutes in range(60, 0, -5):
        up(server, ago(minutes=minutes), Cause.SILENT)
        all_read(server)
        Event.objects.update(received_at=ago(minutes=minutes - 5))
    [entry] = entries()
    assert entry.summary == "Not observed: its event stream said nothing"
    assert entry.data["interruptions"] == 12


def test_a_dead_relays_servers_were_not_observed_since_its_last_renewal(server):
    renewed_at = ago(minutes=2)
    StreamLease.objects.update(expires_at=renewed_at + leases.LEASE)
    [held] = leases.hold("second").streams
    up(server, timezone.now(), fence=held.fence)
    [entry] = entries()
    assert entry.happened_at == renewed_at
    assert "no relay followed" in entry.summary
    assert StreamLease.objects.get().unheard_since is None


def test_a_relay_that_hands_its_servers_over_leaves_them_unobserved_meanwhile(server):
    before = timezone.now()
    leases.release("relay")
    handed_over = StreamLease.objects.get().unheard_since
    assert before - timedelta(seconds=1) <= handed_over <= timezone.now() + timedelta(seconds=1)
    leases.release("relay")
    [held] = leases.hold("second").streams
    up(server, timezone.now() + timedelta(seconds=2), fence=held.fence)
    [entry] = entries()
    assert entry.happened_at == handed_over


def test_a_server_nobody_follows_says_so_at_once(server):
    expired_at = ago(seconds=30)
    StreamLease.objects.update(expires_at=expired_at)
    note_unattended()
    note_unattended()
    [entry] = entries()
    assert entry.gap_is_open
    assert entry.happened_at == expired_at - leases.LEASE


def test_what_a_sync_brought_is_told_and_whether_the_server_restarted(server):
    up(server, ago(minutes=4))
    server.restarts = 1
    server.save()
    all_read(server, jobs=3, user_profiles=1)
    [entry] = entries()
    assert entry.summary == (
        "Not observed: its event stream was cut and the server restarted;"
        " 3 Jobs and 1 User Profile read afterwards"
    )
    all_read(server, jobs=5)
    assert entries()[0].data["caught_up"]["jobs"] == 3  # that sync closed nothing of this gap


def test_a_stream_whose_pings_had_no_answer_was_deaf_before_it_was_closed():
    def ended_by(cause):
        error = comet.ConnectionFailed("closed", method="events/stream", server="fr-par-2")
        error.__cause__ = cause
        return server_stream._unsure_for(error).total_seconds()

    assert ended_by(ConnectionClosedError(None, Close(1011, "keepalive ping timeout"))) == 40
    assert ended_by(ConnectionClosedError(Close(1001, ""), Close(1001, ""), True)) == 0
    assert ended_by(ConnectionClosedError(None, None)) == 0


def test_only_who_sees_the_servers_owner_sees_its_gaps(provider, reseller, server):
    server.tenant = provider.tenant
    server.save()
    EventFactory(
        server=server,
        placement__server=server,
        placement__tenant=reseller.tenant,
        placement__organization_id="o1",
    )
    up(server, ago(minutes=4))
    [entry] = entries()
    page, own_page = reverse("live:activity"), reverse("live:event-detail", args=[entry.pk])
    assert f'id="event-{entry.pk}"' in provider.client().get(page).content.decode()
    assert f'id="event-{entry.pk}"' not in reseller.client().get(page).content.decode()
    assert provider.client().get(own_page).status_code == 200
    assert reseller.client().get(own_page).status_code == 404


def test_an_entry_is_found_by_its_group_and_tells_what_is_lost(provider, server):
    server.tenant = provider.tenant
    server.save()
    up(server, ago(minutes=4))
    all_read(server, jobs=2)
    [entry] = entries()
    listed = provider.client().get(reverse("live:activity") + "?type=gap").content.decode()
    assert "2 Jobs read afterwards" in listed
    text = provider.client().get(reverse("live:event-detail", args=[entry.pk])).content.decode()
    for told in ("2 Jobs", "failed sign-ins", "4 min"):
        assert told in text
