"""Events by POST: stored once, whatever else brings them, and only from who knows the secret."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from portal.fleet.models import UserProfile
from portal.jobs.models import Job
from portal.live import webhook_views
from portal.live.models import Event, StreamLease, WebhookIntake
from portal.live.webhooks import SECRET_HEADER, intake_of, secret_of
from portal.servers.models import CometServer
from tests.factories import DeviceFactory
from tests.portal.live.events import JOB_ENDED, JOB_STARTED, SUCCEEDED, job
from tests.portal.live.posts import TRACING, ended, post, posting_device, streamed

pytestmark = pytest.mark.django_db


@pytest.fixture
def device(settings):
    return posting_device(settings)


def test_a_posted_event_is_stored_and_applied(device):
    response = post(device, ended(device), tracing="t-1")
    assert response.status_code == 200
    event = Event.objects.get()
    assert (event.source, event.tracing_id, event.job.guid) == ("webhook", "t-1", "j1")
    assert Job.objects.get().state == "succeeded"
    assert intake_of(device.server).last_received_at is not None


def test_a_delivery_sent_again_is_stored_once(device):
    event = ended(device)
    assert [post(device, event, tracing="t-1").status_code for _ in range(3)] == [200, 200, 200]
    assert Event.objects.count() == 1


def test_what_the_stream_brought_first_is_not_stored_again_when_it_is_posted(device):
    event = ended(device)
    streamed(device, event)
    post(device, event, tracing="t-1")
    stored = Event.objects.get()
    assert (stored.source, stored.tracing_id, stored.position) == ("stream", "t-1", 0)
    assert stored.posted_at is not None


def test_what_was_posted_first_is_not_stored_again_when_the_stream_brings_it(device):
    event = ended(device)
    post(device, event)
    streamed(device, event)
    stored = Event.objects.get()
    assert (stored.source, stored.position) == ("webhook", 0)


@pytest.mark.parametrize("stream_first", [True, False])
def test_two_equal_events_without_a_time_are_both_real_by_both_ways(device, stream_first):
    """Old servers send no time: each event of the stream matches one webhook, and no more."""
    event = {"Type": 4999, "ResourceID": "x"}
    ways = [lambda: streamed(device, event, event), lambda: [post(device, event) for _ in range(2)]]
    for way in ways if stream_first else reversed(ways):
        way()
    assert Event.objects.count() == 2
    assert Event.objects.exclude(posted_at=None).exclude(connection=None).count() == 2


def test_a_retry_under_another_tracing_id_is_known_by_its_time(device):
    event = ended(device, Timestamp=int(timezone.now().timestamp()))
    post(device, event, tracing="t-1")
    post(device, event, tracing="t-2")
    assert Event.objects.count() == 1


def test_the_order_of_keys_does_not_make_another_event(device):
    event = ended(device)
    streamed(device, event)
    post(device, dict(reversed(event.items())))
    assert Event.objects.count() == 1


def test_what_a_server_posts_is_matched_though_its_set_up_counts_as_failed(device):
    """The answer to it may be lost; and what is queued there comes after it was removed."""
    WebhookIntake.objects.update(set_up_at=None)
    post(device, ended(device))
    second = ended(device, "j2")
    streamed(device, second)
    post(device, second)

    assert Event.objects.filter(job__guid="j2").count() == 1


def test_a_server_without_a_webhook_pays_nothing_for_matching(device):
    WebhookIntake.objects.all().delete()
    streamed(device, ended(device))
    assert Event.objects.get().digest == ""


def test_a_late_start_does_not_undo_an_end(device):
    data = job("j1", SUCCEEDED, device=device)
    post(device, {"Type": JOB_ENDED, "Data": data})
    post(device, {"Type": JOB_STARTED, "Data": data | {"Status": 6001, "EndTime": 0}})
    assert Job.objects.get().state == "succeeded"


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({SECRET_HEADER: "wrong"}, '{"Type": 4201}', 401),
        ({SECRET_HEADER: ""}, '{"Type": 4201}', 401),
        ({TRACING: ""}, '{"Type": 4201}', 400),
        ({}, "not json", 400),
        ({}, "[]", 400),
        ({}, '{"Type": "no number"}', 400),
        ({"Content-Encoding": "gzip"}, '{"Type": 4201}', 415),
        ({"Content-Length": str(webhook_views.MAX_BYTES + 1)}, '{"Type": 4201}', 413),
    ],
)
def test_what_can_never_be_right_is_refused_and_nothing_is_stored(device, headers, body, status):
    assert post(device, body, **headers).status_code == status
    assert not Event.objects.exists()


def test_the_secret_of_another_server_opens_nothing(device):
    other = DeviceFactory()
    secret = secret_of(intake_of(other.server))
    assert post(device, ended(device), **{SECRET_HEADER: secret}).status_code == 401


def test_an_unlinked_server_may_not_post(device):
    device.server.unlinking_at = timezone.now()
    device.server.save()
    assert post(device, ended(device)).status_code == 404
    assert not Event.objects.exists()


def test_what_could_not_be_stored_is_asked_for_again(device, monkeypatch):
    def broken(*_: object) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr(webhook_views.inbox, "keep", broken)
    assert post(device, ended(device)).status_code == 503


def test_refusals_are_logged_once_a_minute(device, caplog):
    for _ in range(5):
        post(device, ended(device), **{SECRET_HEADER: "wrong"})
    assert len([one for one in caplog.records if "webhook.refused" in one.getMessage()]) == 1


def test_strangers_leave_nothing_in_the_database_and_one_line_a_minute(caplog, db):
    with CaptureQueriesContext(connection) as asked:
        for _ in range(5):
            assert Client().post(reverse("live:webhook-receive", args=[uuid4()])).status_code == 404
    assert {query["sql"].split()[0] for query in asked} == {"SELECT"}
    assert len(asked) == 5
    assert len([one for one in caplog.records if "webhook.refused" in one.getMessage()]) == 1


def test_a_large_event_is_kept_without_its_data(device):
    assert (
        post(device, ended(device, Extra="x" * 10) | {"Data": {"Note": "y" * 5_000_000}}).status_code == 200
    )
    event = Event.objects.get()
    assert event.data is None
    assert "was not stored" in event.problem


def test_the_secret_is_in_no_page_and_in_no_operation(device, provider):
    client = provider.client()
    url = reverse("live:webhook-detail", args=[device.server_id])
    content = client.get(url).content.decode()
    secret = secret_of(intake_of(device.server))
    assert "Check it" in content
    assert secret not in content


def test_a_hello_that_is_posted_late_counts_no_restart_and_tells_no_drift(device):
    now = int(timezone.now().timestamp())

    def hello(start: str, started: int, told: int) -> dict[str, Any]:
        version = {"ServerStartHash": start, "ServerStartTime": started, "CurrentTime": told}
        return {"Type": 4000, "Data": version}

    streamed(device, hello("old", now - 9000, now))
    drift = CometServer.objects.get().clock_drift_ms
    StreamLease.objects.update(gap_since=None)
    post(device, hello("new", now - 3600, now - 3600))
    assert StreamLease.objects.get().gap_since is not None
    StreamLease.objects.update(gap_since=None)
    post(device, hello("old", now - 9000, now - 9000))

    server = CometServer.objects.get()
    assert (server.start_hash, server.restarts, server.clock_drift_ms) == ("new", 1, drift)
    assert StreamLease.objects.get().gap_since is None


def account(kind: int, name: str, *, ago: float, username: str = "alice") -> dict[str, Any]:
    told = int(timezone.now().timestamp() - ago)
    profile = {"Username": username, "OrganizationID": "org-x", "AccountName": name}
    return {"Type": kind, "Data": profile, "Timestamp": told}


def user(device: Any, username: str = "alice") -> UserProfile | None:
    return UserProfile.objects.filter(server=device.server, username=username).first()


def test_a_profile_that_is_posted_late_does_not_undo_a_newer_one_and_is_read_afresh(device):
    post(device, account(4102, "Alice, renamed", ago=0))
    post(device, account(4100, "", ago=9))
    stored = user(device)
    assert stored.account_name == "Alice, renamed"
    assert stored.unread_since is not None


def test_a_stream_that_lags_behind_a_webhook_does_not_undo_it(device):
    post(device, account(4102, "Alice, renamed again", ago=0))
    streamed(device, account(4102, "Alice, renamed", ago=2))
    stored = user(device)
    assert stored.account_name == "Alice, renamed again"
    assert stored.unread_since is not None


def test_one_change_after_another_is_believed(device):
    post(device, account(4100, "Alice", ago=30))
    UserProfile.objects.update(synced_at=timezone.now() - timedelta(seconds=30))
    post(device, account(4102, "Alice, renamed", ago=0))
    stored = user(device)
    assert (stored.account_name, stored.unread_since) == ("Alice, renamed", None)


def test_an_account_that_was_removed_does_not_come_back_by_what_is_posted_late(device):
    post(device, {"Type": 4101, "ResourceID": "alice", "Timestamp": int(timezone.now().timestamp())})
    StreamLease.objects.update(gap_since=None)
    post(device, account(4100, "Alice", ago=9))
    assert user(device) is None
    assert StreamLease.objects.get().gap_since is not None


def test_a_removal_that_is_posted_late_asks_whether_the_account_was_made_again(device):
    post(device, account(4100, "Alice", ago=0))
    removed = {"Type": 4101, "ResourceID": "alice", "Timestamp": int(timezone.now().timestamp() - 9)}
    post(device, removed)
    assert user(device).unread_since is not None


def test_the_stream_alone_is_believed_whatever_its_clock_says(device):
    WebhookIntake.objects.all().delete()
    streamed(device, account(4102, "Alice", ago=0))
    streamed(device, account(4102, "Alice, renamed", ago=60))
    stored = user(device)
    assert (stored.account_name, stored.unread_since) == ("Alice, renamed", None)
