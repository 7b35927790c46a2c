"""What events left untold is read afresh, also when the request for it was lost."""

import json
from datetime import datetime, timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from portal.fleet.models import UserProfile
from portal.fleet.sync import sync_profiles
from portal.live import gaps, leases
from portal.live.models import StreamLease
from portal.live.tasks import sweep_streams
from portal.servers import clients
from portal.servers.models import CometServer
from tests.emulated import sync
from tests.factories import CometServerFactory, PlacementFactory, UserProfileFactory

pytestmark = pytest.mark.django_db
QUEUE = settings.CELERY_TASK_DEFAULT_QUEUE


@pytest.fixture
def profile(linked, provider):
    """A User Profile that should have been read a while ago; its server can be asked."""
    sync(linked, provider.user)
    leases.hold("test")
    CometServer.objects.update(stream=CometServer.Stream.UP)
    profile = UserProfile.objects.order_by("pk").first()
    profile.account_name, profile.unread_since = "Old", timezone.now() - gaps.ASK_AGAIN_AFTER
    profile.save()
    return profile


def test_a_request_for_a_gap_is_void_once_it_is_made_again_and_the_first_never(redis_client):
    server = CometServerFactory(stream=CometServer.Stream.UP)
    StreamLease.objects.create(server=server)
    gaps.note_gap(server.pk, timezone.now())
    StreamLease.objects.update(gap_queued_at=timezone.now() - gaps.ASK_AGAIN_AFTER)
    assert gaps.queue_open_gaps() == 1

    again, first = (json.loads(told)["headers"]["expires"] for told in redis_client.lrange("bulk", 0, -1))
    assert first is None
    assert gaps.ASK_AGAIN_AFTER < datetime.fromisoformat(again) - timezone.now() <= 2 * gaps.ASK_AGAIN_AFTER


def test_a_profile_whose_request_redis_lost_is_asked_for_again_until_it_is_read(profile, redis_client):
    redis_client.flushdb()

    sweep_streams()
    assert redis_client.llen(QUEUE) == 1
    gaps.read_profile(profile.server_id, profile.username)
    profile.refresh_from_db()
    sweep_streams()

    assert profile.account_name != "Old"
    assert profile.unread_since is None
    assert redis_client.llen(QUEUE) == 1


def test_a_server_whose_profiles_cannot_be_read_keeps_none_of_anothers_waiting(monkeypatch):
    monkeypatch.setattr(gaps, "PROFILES_AT_ONCE", 3)
    asked, since = [], timezone.now() - gaps.ASK_AGAIN_AFTER
    monkeypatch.setattr(gaps, "queue_profile_reads", lambda _, usernames: asked.extend(usernames))
    broken, other = (CometServerFactory(stream=CometServer.Stream.UP) for _ in range(2))
    older = since - timedelta(hours=1)
    for name, server, unread_since in (
        *((f"broken-{n}", broken, older + timedelta(seconds=n)) for n in range(4)),
        ("other", other, since),
    ):
        placement = PlacementFactory(server=server)
        UserProfileFactory(placement=placement, username=name, unread_since=unread_since)

    assert gaps.queue_unread_profiles() == 3
    assert asked == ["broken-0", "other", "broken-1"]


def test_an_event_that_comes_while_the_profile_is_read_asks_for_it_once_more(profile, monkeypatch):
    applied = gaps.apply_profiles

    def meanwhile(server, records, **how):
        gaps.mark(server.pk, timezone.now(), wants_sync=False, usernames=[profile.username])
        return applied(server, records, **how)

    monkeypatch.setattr(gaps, "apply_profiles", meanwhile)

    gaps.read_profile(profile.server_id, profile.username)

    profile.refresh_from_db()
    assert profile.unread_since is not None


def test_what_an_event_wrote_while_the_profile_was_read_stays_and_is_asked_for_again(profile, monkeypatch):
    applied = gaps.apply_profiles

    def meanwhile(server, records, **how):
        UserProfile.objects.filter(pk=profile.pk).update(account_name="Newer", synced_at=timezone.now())
        return applied(server, records, **how)

    monkeypatch.setattr(gaps, "apply_profiles", meanwhile)

    gaps.read_profile(profile.server_id, profile.username)

    profile.refresh_from_db()
    assert profile.account_name == "Newer"
    assert profile.unread_since is not None


def test_a_full_list_is_as_good_as_reading_one(profile):
    sync_profiles(profile.server, clients.for_server(profile.server))

    profile.refresh_from_db()
    assert profile.unread_since is None


def test_a_user_that_the_server_does_not_have_any_more_asks_for_the_list(profile):
    UserProfile.objects.filter(pk=profile.pk).update(username="nobody")

    gaps.read_profile(profile.server_id, "nobody")

    profile.refresh_from_db()
    assert profile.unread_since is None
    assert StreamLease.objects.get().gap_since is not None


def test_webhooks_do_not_hide_since_when_the_stream_is_down():
    now = timezone.now()
    lost_at = now - timedelta(hours=2)
    server = CometServerFactory(
        stream=CometServer.Stream.DOWN, stream_changed_at=lost_at, last_event_at=now, last_full_sync_at=None
    )

    assert gaps.known_until(server) == lost_at
    server.stream = CometServer.Stream.UP
    assert gaps.known_until(server) == now
