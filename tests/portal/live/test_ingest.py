"""Events in: stored once, applied, without secrets, whatever they hold."""

import json
from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from portal.core.events import FACTS_CHANNEL, decode_facts
from portal.jobs.models import Job
from portal.live import mirror
from portal.live.fences import Fenced
from portal.live.ingest import ingest
from portal.live.models import Event, StreamLease
from portal.servers.models import SERVER_ITSELF
from tests.factories import (
    CometServerFactory,
    DeviceFactory,
    PlacementFactory,
    ProtectedItemFactory,
    TenantFactory,
    UserProfileFactory,
)
from tests.portal.live.events import JOB_ENDED, JOB_STARTED, QUOTA, arrival, bad_arrival, job

pytestmark = pytest.mark.django_db

FENCE = 7


@pytest.fixture
def device():
    device = DeviceFactory(name="FIN-SRV-02")
    StreamLease.objects.create(server=device.server, holder="relay", fence=FENCE)
    return device


def take(device, *arrivals, connection=None, fence=FENCE):
    return ingest(device.server_id, connection or uuid4(), arrivals, fence=fence)


def test_a_job_that_failed_is_stored_with_a_line_for_people(device):
    item = ProtectedItemFactory(device=device, name="Files")
    take(device, arrival(0, JOB_ENDED, job("j1", QUOTA, device=device, SourceGUID=item.guid)))
    event = Event.objects.get()
    assert event.summary == "Backup of Files on FIN-SRV-02 failed: quota"
    assert event.state == "failed"
    assert event.job == Job.objects.get(guid="j1")
    assert event.device == device
    assert event.placement == device.placement


def test_a_job_that_starts_and_ends_in_one_batch_ends_up_ended(device):
    take(
        device,
        arrival(0, JOB_STARTED, job("j1", device=device)),
        arrival(1, JOB_ENDED, job("j1", 5000, device=device)),
    )
    assert Job.objects.get().state == "succeeded"
    assert [event.summary for event in Event.objects.order_by("position")] == [
        "Backup on FIN-SRV-02 started",
        "Backup on FIN-SRV-02 succeeded",
    ]


def test_the_same_batch_twice_changes_nothing(device):
    connection = uuid4()
    batch = [arrival(n, JOB_ENDED, job(f"j{n}", 5000, device=device)) for n in range(3)]
    first = take(device, *batch, connection=connection)
    again = take(device, *batch, connection=connection)
    assert (first.stored, first.repeated) == (3, 0)
    assert (again.stored, again.repeated) == (0, 3)
    assert Event.objects.count() == Job.objects.count() == 3


def test_equal_events_of_one_connection_are_both_real(device):
    take(device, arrival(0, 4103, Actor="alice"), arrival(1, 4103, Actor="alice"))
    assert Event.objects.count() == 2


@pytest.mark.parametrize("fence", [FENCE - 1, FENCE + 1])
def test_without_the_lease_nothing_is_written(device, fence):
    with pytest.raises(Fenced):
        take(device, arrival(0, JOB_ENDED, job("j1", 5000, device=device)), fence=fence)
    assert not Event.objects.exists()
    assert not Job.objects.exists()


def test_an_unlinked_server_is_written_to_by_nobody(device):
    server_id = device.server_id
    with pytest.raises(Fenced):
        ingest(server_id + 1, uuid4(), [arrival(0, 4103)], fence=FENCE)


def test_secrets_are_not_stored(device):
    data = {
        "Username": "alice",
        "PasswordHash": "bcrypt:hunter2",
        "Destinations": {"v": {"S3SecretKey": "hunter2", "Description": "Vault", "SFTPPassword": ""}},
        "unknown": {"apiToken": "hunter2", "url": "https://bob:hunter2@host/path", "plain": "kept\x00"},
        "list": [{"Passphrase": "hunter2"}],
    }
    take(device, arrival(0, 4999, data))
    stored = Event.objects.get().data
    assert "hunter2" not in json.dumps(stored)
    assert stored["Username"] == "alice"
    assert stored["PasswordHash"] == "(removed)"
    assert stored["Destinations"]["v"]["Description"] == "Vault"
    assert stored["Destinations"]["v"]["SFTPPassword"] == ""
    assert stored["unknown"]["plain"] == "kept\ufffd"


def test_an_unknown_type_is_stored_by_its_own_name(device):
    take(device, arrival(0, 4987, {"anything": 1}, TypeString="SEVT_SOMETHING_NEW", ResourceID="thing"))
    event = Event.objects.get()
    assert (event.type, event.summary) == (4987, "SEVT_SOMETHING_NEW thing")
    assert event.data == {"anything": 1}
    assert event.problem == ""


def test_a_poison_event_is_set_aside_and_stops_no_other(device):
    take(
        device,
        arrival(0, JOB_ENDED, job("j0", 5000, device=device)),
        arrival(1, JOB_ENDED, {"GUID": "j1", "Status": "no number"}),
        arrival(2, JOB_ENDED, None),
        arrival(3, JOB_ENDED, job("j3", 5000, device=device)),
        bad_arrival(4),
    )
    problems = dict(Event.objects.values_list("position", "problem"))
    assert problems[0] == problems[3] == ""
    assert "Expected `int`" in problems[1]
    assert "no data" in problems[2]
    assert "not an event" in problems[4]
    assert "hunter2" not in json.dumps(list(Event.objects.values_list("data", flat=True)))
    assert set(Job.objects.values_list("guid", flat=True)) == {"j0", "j3"}


def test_values_no_column_holds_spoil_only_their_own_event(device):
    big = job("big", 5000, device=device, TotalSize=2**63)
    take(device, arrival(0, JOB_ENDED, big), arrival(1, JOB_ENDED, job("fine", 5000, device=device)))
    assert "fine" in Job.objects.values_list("guid", flat=True)
    assert Event.objects.count() == 2


@pytest.mark.parametrize("type_number", [-1, 2**40])
def test_a_type_that_cannot_be_is_kept_as_unreadable(device, type_number):
    take(device, arrival(0, type_number))
    event = Event.objects.get()
    assert event.type == 0
    assert str(type_number) in event.problem


def test_a_failing_room_costs_only_its_own_events(device, monkeypatch):
    def broken(*args, **kwargs):
        raise ZeroDivisionError

    monkeypatch.setattr(mirror, "apply_connection_changes", broken)
    take(
        device,
        arrival(0, 4702, ResourceID=device.device_id),
        arrival(1, JOB_ENDED, job("j1", 5000, device=device)),
    )
    assert "ZeroDivisionError" in Event.objects.get(position=0).problem
    assert Job.objects.filter(guid="j1").exists()


@pytest.mark.parametrize("timestamp", [0, -5, 10**18, 4_000_000_000])
def test_times_that_cannot_be_are_those_of_arrival(device, timestamp):
    one = arrival(0, 4103, Timestamp=timestamp)
    take(device, one)
    assert Event.objects.get().happened_at == one.received_at


def test_the_time_of_the_server_is_kept(device):
    told = timezone.now().replace(microsecond=0) - timedelta(hours=2)
    take(device, arrival(0, 4103, Timestamp=int(told.timestamp())))
    assert Event.objects.get().happened_at == told


def test_hostile_text_becomes_one_plain_line(device):
    take(device, arrival(0, 4999, TypeString="a\u202eb\n<script>" + "x" * 400, Actor="y" * 400))
    event = Event.objects.get()
    assert event.summary.startswith("a b <script>xxx")
    assert "\u202e" not in event.summary
    assert len(event.summary) <= 255


def test_data_too_long_to_store_leaves_its_event(device):
    take(device, arrival(0, 4999, {"text": "x" * 2_000_000}))
    event = Event.objects.get()
    assert event.data is None
    assert "1 MiB" in event.problem


def test_deeply_nested_data_is_cut(device):
    data = value = {}
    for _ in range(200):
        value["a"] = {}
        value = value["a"]
    take(device, arrival(0, 4999, data))
    assert Event.objects.get().data["a"]["a"]


def test_an_event_belongs_to_the_tenant_of_its_organization(device):
    placement = PlacementFactory(server=device.server, organization_id="org-x")
    take(device, arrival(0, 4103, OwnerOrganizationID="org-x"))
    assert Event.objects.get().placement == placement


def test_a_user_placed_by_hand_takes_its_events_along(device):
    by_hand = PlacementFactory(server=device.server, organization_id="org-x", username="alice")
    UserProfileFactory(placement=by_hand, organization_id="org-x", username="alice")
    PlacementFactory(server=device.server, organization_id="org-x")
    take(device, arrival(0, 4104, {"Username": "alice"}, OwnerOrganizationID="org-x"))
    assert Event.objects.get().placement == by_hand


@pytest.mark.parametrize("organization_id", ["", "never seen", SERVER_ITSELF])
def test_what_administrators_do_belongs_to_the_servers_owner(device, organization_id):
    PlacementFactory(server=device.server, organization_id="", tenant=TenantFactory())
    take(device, arrival(0, 4153, OwnerOrganizationID=organization_id, Actor="admin"))
    event = Event.objects.get()
    assert event.placement.organization_id == SERVER_ITSELF
    assert event.tenant_id == device.server.tenant_id
    assert event.summary == "Administrator admin signed in"


def test_a_device_comes_online_and_goes(device):
    take(device, arrival(0, 4702, ResourceID=device.device_id, Actor=device.profile.username))
    device.refresh_from_db()
    assert device.is_online
    take(device, arrival(0, 4703, ResourceID=device.device_id, Actor=device.profile.username))
    device.refresh_from_db()
    assert not device.is_online
    assert Event.objects.filter(device=device, placement=device.placement).count() == 2


@pytest.mark.parametrize(("types", "online"), [((4703, 4702), True), ((4702, 4703), False)])
def test_the_last_of_two_connection_events_in_one_batch_holds(device, types, online):
    device.connections = 1
    device.save()
    device.profile.username = "frank"
    device.profile.save()
    take(
        device,
        *(arrival(n, kind, ResourceID=device.device_id, Actor="frank") for n, kind in enumerate(types)),
    )
    device.refresh_from_db()
    assert device.is_online is online


def test_a_mass_reconnect_costs_the_queries_of_one_device(device, django_assert_max_num_queries):
    devices = [DeviceFactory(profile=device.profile, connections=0) for _ in range(30)]
    with django_assert_max_num_queries(25):
        take(device, *(arrival(n, 4702, ResourceID=one.device_id) for n, one in enumerate(devices)))
    assert device.server.devices.filter(connections=1).count() == 30


@pytest.mark.parametrize(("types", "there"), [((4101, 4100), True), ((4100, 4101), False)])
def test_a_user_removed_and_made_again_in_one_batch_is_there(device, types, there):
    profile = {"Username": device.profile.username, "OrganizationID": "org-x"}
    take(device, *(arrival(n, kind, profile) for n, kind in enumerate(types)))
    assert device.server.user_profiles.exists() is there


def test_a_changed_profile_is_mirrored(device):
    data = {"Username": "alice", "OrganizationID": "org-x", "AccountName": "Alice Inc", "PasswordHash": "x"}
    outcome = take(device, arrival(0, 4102, data, OwnerOrganizationID="org-x"))
    assert device.server.user_profiles.get(username="alice").account_name == "Alice Inc"
    assert not outcome.wants_sync


def test_a_removed_user_is_removed(device):
    outcome = take(device, arrival(0, 4101, device.profile.username))
    assert not device.server.user_profiles.exists()
    assert not outcome.wants_sync


@pytest.mark.parametrize(
    ("type_number", "envelope"),
    [(4101, {"ResourceID": "who?"}), (4500, {}), (4602, {}), (4700, {}), (JOB_ENDED, {})],
)
def test_what_an_event_does_not_tell_is_read_afresh(device, type_number, envelope):
    assert take(device, arrival(0, type_number, **envelope)).wants_sync
    # Noted with the event itself: who stored it may be killed before he asks.
    assert StreamLease.objects.get().gap_since is not None


def test_a_new_device_asks_for_its_users_profile(device):
    outcome = take(device, arrival(0, 4700, {"FriendlyName": "NEW"}, Actor=device.profile.username))
    assert outcome.usernames == {device.profile.username}
    device.profile.refresh_from_db()
    assert device.profile.unread_since is not None


def test_a_hello_notes_version_and_restarts(device):
    wanted = []
    for start_hash in ("one", "one", "two", "two"):
        version = {"Version": "25.9.8", "ServerStartHash": start_hash, "CurrentTime": 1}
        wanted.append(take(device, arrival(0, 4000, version)).wants_sync)
    assert wanted == [False, False, True, False]
    assert StreamLease.objects.get().gap_since is not None
    device.server.refresh_from_db()
    assert (device.server.version, device.server.restarts) == ("25.9.8", 1)


def test_a_device_registered_by_two_users_is_told_apart_by_the_event(device):
    twin = DeviceFactory(server=device.server, device_id=device.device_id, name="TWIN")
    take(device, arrival(0, 4702, ResourceID=device.device_id, Actor=twin.profile.username))
    take(device, arrival(0, 4702, ResourceID=device.device_id))
    first, second = Event.objects.order_by("pk")
    assert first.device == twin
    assert second.device is None


def test_the_server_says_when_it_was_last_heard(device):
    one = arrival(0, 4103)
    take(device, one)
    device.server.refresh_from_db()
    assert device.server.last_event_at == one.received_at


@pytest.mark.django_db(transaction=True)
def test_facts_name_the_tenant_that_owns_the_event(redis_client, device):
    with redis_client.pubsub(ignore_subscribe_messages=True) as channel:
        channel.subscribe(FACTS_CHANNEL)
        while channel.get_message(timeout=0.2):
            continue
        take(device, arrival(0, JOB_STARTED, job("j1", device=device)))
        facts = []
        while message := channel.get_message(timeout=1):
            facts += decode_facts(message["data"])
    added = next(fact for fact in facts if fact.name == "activity.added")
    assert added.tenant_id == device.tenant_id
    assert added.ids == {"event": Event.objects.get().pk, "server": device.server_id}
    assert "job.added" in {fact.name for fact in facts}


@pytest.mark.django_db(transaction=True)
def test_a_batch_costs_the_same_queries_for_3_jobs_as_for_30(device, django_assert_max_num_queries):
    server = CometServerFactory()
    StreamLease.objects.create(server=server, holder="relay", fence=FENCE)

    def batch(count):
        return [arrival(n, JOB_ENDED, job(f"{count}-{n}", 5000, device=device)) for n in range(count)]

    with django_assert_max_num_queries(60) as three:
        take(device, *batch(3))
    with django_assert_max_num_queries(len(three)):
        take(device, *batch(30))
