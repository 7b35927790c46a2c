"""Servers that are heard by webhook alone: nothing is lost, and nobody says that they are not observed."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

import comet
from portal.live import gaps
from portal.live.models import Event, StreamLease, WebhookIntake
from portal.live.observing import end_posted
from portal.live.stream_state import note_down
from portal.live.tasks import read_unfollowed, sweep_streams
from portal.servers.models import CometServer
from tests.factories import CometServerFactory, PlacementFactory, UserProfileFactory

pytestmark = pytest.mark.django_db
FENCE = 3
BROKEN = comet.ConnectionFailed("no upgrade", method="events/stream", server="fr-par-2")


def ago(**time):
    return timezone.now() - timedelta(**time)


@pytest.fixture
def server():
    """Its stream is down; it was told to post here."""
    return unfollowed(set_up_at=ago(days=3))


def unfollowed(stream=CometServer.Stream.DOWN, set_up_at: datetime | None = None):
    server = CometServerFactory(stream=stream, last_full_sync_at=ago(hours=9), last_event_at=ago(hours=1))
    StreamLease.objects.create(server=server, fence=FENCE)
    WebhookIntake.objects.create(server=server, set_up_at=set_up_at)
    return server


def posts(server, **time):
    WebhookIntake.objects.filter(server=server).update(last_received_at=ago(**time))


def down(server, since):
    note_down(server.pk, fence=FENCE, since=since, problem=BROKEN)


def gap_of(server):
    return StreamLease.objects.get(server=server).gap_since


@pytest.fixture
def unread(server):
    """One open gap and one profile to be read, both asked for a while ago."""
    StreamLease.objects.update(gap_since=ago(hours=1))
    return UserProfileFactory(placement=PlacementFactory(server=server), unread_since=ago(minutes=1))


def test_what_a_server_left_untold_is_asked_for_again_while_it_posts(server, unread):
    posts(server, minutes=1)
    assert gaps.queue_unread_profiles() == 1
    assert gaps.queue_open_gaps() == 1


def test_a_server_that_neither_streams_nor_posts_is_not_asked_all_the_time(server, unread):
    posts(server, hours=1)
    assert gaps.queue_unread_profiles() == 0
    assert gaps.queue_open_gaps() == 0


def test_who_is_heard_by_webhook_alone_is_read_afresh_from_the_last_full_sync_on(server):
    followed = unfollowed(stream=CometServer.Stream.UP, set_up_at=ago(days=3))
    silent = unfollowed()

    read_unfollowed()
    read_unfollowed()

    assert gap_of(server) == server.last_full_sync_at
    assert gap_of(followed) is gap_of(silent) is None


def test_before_its_first_full_sync_there_is_nothing_to_be_read_afresh(server):
    CometServer.objects.update(last_full_sync_at=None)

    read_unfollowed()

    assert gap_of(server) is None


def test_a_server_that_posts_is_observed_though_its_stream_is_down(server):
    since = ago(minutes=9)
    down(server, since)
    sweep_streams()
    assert Event.objects.get().gap_is_open

    posts(server, minutes=1)
    sweep_streams()
    down(server, since)

    entry = Event.objects.get()
    assert not entry.gap_is_open
    assert entry.data["interruptions"] == 1
    assert gap_of(server) == since


def test_no_entry_is_opened_for_a_server_that_posted_since(server):
    posts(server, minutes=1)
    down(server, ago(minutes=9))
    assert not Event.objects.exists()


def test_what_was_posted_before_the_latest_interruption_does_not_end_its_entry(server):
    down(server, ago(minutes=9))
    posts(server, minutes=5)
    assert [server_id for server_id, _ in end_posted()] == [server.pk]
    Event.objects.update(received_at=ago(minutes=6))

    down(server, ago(minutes=2))

    assert end_posted() == []
    assert Event.objects.get().gap_is_open
