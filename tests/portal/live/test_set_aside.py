"""Events that could not be read or applied: kept with the reason, replayed, dismissed, dropped."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from portal.audit.models import Entry
from portal.fleet.models import UserProfile
from portal.jobs.models import Job
from portal.live import event_rows, replay, set_aside, tasks
from portal.live.ingest import ingest, ingest_posts
from portal.live.models import Event, SetAside, StreamLease
from portal.live.twins import Post, digest_of
from portal.operations import runner
from portal.operations.models import Operation, OperationItem
from tests.factories import CometServerFactory, DeviceFactory, EventFactory, SetAsideFactory
from tests.portal.live.events import JOB_ENDED, arrival, bad_arrival, job

pytestmark = pytest.mark.django_db

FENCE = 7


@pytest.fixture
def device():
    device = DeviceFactory(name="FIN-SRV-02", placement__organization_id="o1")
    StreamLease.objects.create(server=device.server, holder="relay", fence=FENCE)
    return device


@pytest.fixture
def owned(device, provider):
    """The same, on a server of the provider's."""
    device.server.tenant = provider.tenant
    device.server.save()
    return device


def take(device, *arrivals):
    return ingest(device.server_id, uuid4(), arrivals, fence=FENCE)


def poison(device, **fields):
    return job("poison", 5000, device=device) | {"Status": "no number"} | fields


def mended():
    """As if a later release understood it."""
    kept = SetAside.objects.get()
    kept.told["Data"]["Status"] = 5000
    kept.save()
    return kept


def test_what_could_not_be_applied_is_kept_without_its_secrets(device):
    outcome = take(
        device,
        arrival(0, JOB_ENDED, poison(device, Password="hunter2")),
        arrival(1, JOB_ENDED, job("fine", 5000, device=device)),
    )
    kept = SetAside.objects.get()
    assert kept.event == Event.objects.get(position=0)
    assert "Expected `int`" in kept.reason
    assert kept.told["Data"]["Password"] == "(removed)"
    assert kept.told["Type"] == JOB_ENDED
    assert outcome.wants_sync


def test_a_server_is_read_afresh_on_their_account_only_now_and_then(device):
    assert take(device, bad_arrival(0)).wants_sync
    assert not take(device, bad_arrival(0)).wants_sync
    SetAside.objects.update(set_aside_at=timezone.now() - set_aside.QUIET)
    assert take(device, bad_arrival(0)).wants_sync


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"Password": "hunter2"', None),
        ('"hunter2"', None),
        ('["hunter2"]', None),
        ('{"Type": "x", "Password": "hunter2"}', {"Type": "x", "Password": "(removed)"}),
        ('{"Type": 1, "Data": "' + "x" * 1_100_000 + '"}', None),
    ],
)
def test_of_what_is_no_event_only_an_object_is_kept(device, text, told):
    take(device, bad_arrival(0, text))
    assert SetAside.objects.get().told == told


def test_an_event_that_breaks_storing_itself_costs_no_other(device, breaks_storing):
    batch = [arrival(n, 4103, Actor=breaks_storing if n in (2, 5) else "alice") for n in range(7)]
    connection_id = uuid4()
    outcome = ingest(device.server_id, connection_id, batch, fence=FENCE)

    assert outcome.stored == 7
    assert set(Event.objects.filter(type=4103).values_list("position", flat=True)) == {0, 1, 3, 4, 6}
    assert set(SetAside.objects.values_list("event__position", flat=True)) == {2, 5}
    assert "ZeroDivisionError" in SetAside.objects.first().reason
    assert ingest(device.server_id, connection_id, batch, fence=FENCE).repeated == 7


def test_a_webhook_that_breaks_storing_itself_is_kept(device, monkeypatch):
    def broken(*args, **kwargs):
        raise ZeroDivisionError

    monkeypatch.setattr(event_rows, "summary_of", broken)
    item = arrival(0, 4103, Actor="alice").item
    ingest_posts(device.server_id, [Post(item, timezone.now(), "trace-1", digest_of(item))])
    kept = SetAside.objects.get()
    assert kept.event.source == Event.Source.WEBHOOK
    assert kept.told["Actor"] == "alice"


def test_a_replay_that_succeeds_applies_it_and_takes_it_off_the_list(owned, provider):
    take(owned, arrival(0, JOB_ENDED, poison(owned)))
    kept = mended()
    answer = provider.client().post(reverse("live:set-aside-replay", args=[kept.pk]))

    assert answer.url == reverse("live:event-detail", args=[kept.event_id])
    assert Job.objects.get(guid="poison").state == "succeeded"
    assert not SetAside.objects.exists()
    event = Event.objects.get(position=0)
    assert (event.problem, event.summary, event.state) == ("", "Backup on FIN-SRV-02 succeeded", "succeeded")
    entry = Entry.objects.filter(action="event.replay", phase="ended").get()
    assert entry.details["outcome"] == "applied"


def test_a_replay_that_fails_says_why_and_keeps_it(owned, provider):
    take(owned, arrival(0, JOB_ENDED, poison(owned)))
    kept = SetAside.objects.get()
    answer = provider.client().post(reverse("live:set-aside-replay", args=[kept.pk]), follow=True)
    assert "still set aside" in answer.content.decode()
    kept.refresh_from_db()
    assert kept.replays == 1
    assert kept.replayed_at is not None
    assert Event.objects.get(position=0).problem


def test_a_job_that_has_moved_on_is_not_taken_back(owned):
    take(owned, arrival(0, JOB_ENDED, poison(owned)))
    later = job("poison", 7002, device=owned, EndTime=int(timezone.now().timestamp()))
    take(owned, arrival(0, JOB_ENDED, later))
    assert replay.tell_again(mended()) == ""
    assert Job.objects.get(guid="poison").state == "failed"


@pytest.mark.parametrize("type_number", [4101, 4000])
def test_what_may_be_long_past_is_read_from_the_server_instead(owned, type_number):
    profile = owned.profile
    kept = SetAsideFactory(
        event=EventFactory(server=owned.server, placement=owned.placement, type=type_number),
        told={"Type": type_number, "Data": {"Username": profile.username, "ServerStartHash": "old"}},
    )
    assert replay.tell_again(kept) == ""
    assert UserProfile.objects.filter(pk=profile.pk).exists()
    owned.server.refresh_from_db()
    assert owned.server.restarts == 0
    assert (StreamLease.objects.get().gap_since is not None) == (type_number == 4101)


def test_all_of_a_server_are_replayed_as_an_operation(owned, provider):
    take(
        owned,
        arrival(0, JOB_ENDED, poison(owned)),
        arrival(1, JOB_ENDED, {"GUID": "hopeless", "Status": []}),
        bad_arrival(2),
    )
    kept = SetAside.objects.get(event__position=0)
    kept.told["Data"]["Status"] = 5000
    kept.save()
    SetAsideFactory()  # of another server
    query = f"?server={owned.server_id}"
    answer = provider.client().post(reverse("live:set-aside-replay-all") + query)

    operation = Operation.objects.get()
    assert answer.url == reverse("operations:operation-detail", args=[operation.pk])
    item = OperationItem.objects.get()
    runner.run(item.pk)
    item.refresh_from_db()
    assert (item.state, item.progress_text) == ("succeeded", "1 replayed, 2 still set aside")
    assert Entry.objects.filter(action="event.replay").exists()


def test_a_dismissed_event_stays_in_the_activity(owned, provider):
    take(owned, bad_arrival(0))
    kept = SetAside.objects.get()
    provider.client().post(reverse("live:set-aside-dismiss", args=[kept.pk]))
    assert not SetAside.objects.exists()
    assert Event.objects.get(position=0).problem == kept.reason
    assert Entry.objects.filter(action="event.dismiss").exists()


def test_the_pages_show_the_reason_and_the_event(owned, provider):
    take(owned, arrival(0, JOB_ENDED, poison(owned, Password="hunter2")))
    kept = SetAside.objects.get()
    listed = provider.client().get(reverse("live:set-aside-list")).content.decode()
    shown = provider.client().get(reverse("live:set-aside-detail", args=[kept.pk])).content.decode()
    event = provider.client().get(reverse("live:event-detail", args=[kept.event_id])).content.decode()
    assert "Expected `int`" in listed
    assert "(removed)" in shown
    assert "hunter2" not in listed + shown
    assert reverse("live:set-aside-detail", args=[kept.pk]) in event


def test_the_list_costs_the_same_queries_for_3_as_for_30(provider, django_assert_num_queries):
    client = provider.client()
    SetAsideFactory.create_batch(3)
    client.get(reverse("live:set-aside-list"))
    with CaptureQueriesContext(connection) as few:
        client.get(reverse("live:set-aside-list"))
    SetAsideFactory.create_batch(27)
    with django_assert_num_queries(len(few)):
        client.get(reverse("live:set-aside-list"))


def test_what_is_old_or_too_much_is_dropped(monkeypatch, settings):
    server = CometServerFactory()
    old = timezone.now() - timedelta(days=settings.SET_ASIDE_DAYS, seconds=1)
    gone = SetAsideFactory(set_aside_at=old)
    mine = [SetAsideFactory(event__placement__server=server) for _ in range(4)]
    other = SetAsideFactory()
    monkeypatch.setattr(set_aside, "MOST_PER_SERVER", 3)
    tasks.trim_set_aside()
    assert set(SetAside.objects.values_list("pk", flat=True)) == {kept.pk for kept in [*mine[1:], other]}
    assert Event.objects.filter(pk=gone.event_id).exists()


def test_nothing_is_set_aside_without_reason(device):
    assert not take(device, arrival(0, JOB_ENDED, job("fine", 5000, device=device))).wants_sync
    assert not SetAside.objects.exists()
