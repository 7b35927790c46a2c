"""Full syncs of an emulated Comet Server over real HTTP."""

import json
from collections import Counter
from datetime import timedelta

import pytest
from django.utils import timezone

from portal.fleet.models import Device, Policy, ProtectedItem, StorageVault, UserProfile
from portal.fleet.sync import sync_profiles
from portal.jobs import sync as module
from portal.jobs.fetch import _decode_job as decode_job
from portal.jobs.models import DeviceDay, Job, PlacementHour
from portal.jobs.rollups import COUNTED
from portal.jobs.sync import remedial_sync
from portal.operations.models import Operation, OperationItem
from portal.servers import clients
from portal.servers.bookkeeping import note_version
from portal.servers.models import CometServer, Organization, Placement
from portal.servers.services import start_sync
from tests.emulated import run_operation, sync
from tests.factories import JobFactory, PlacementFactory, UserProfileFactory

pytestmark = pytest.mark.django_db


def jobs_at(emulator):
    """GUID -> Job as the server tells it, over all its history."""
    end = int(timezone.now().timestamp()) + 3600
    found = emulator.call("admin/get-jobs-for-date-range", Start=end - 31 * 86400, End=end)
    return {job["GUID"]: job for job in found}


def test_a_full_sync_brings_everything_the_server_holds(emulator, linked, provider):
    operation = sync(linked, provider.user)

    assert operation.state == Operation.State.SUCCEEDED, operation.items.get().error
    profiles = emulator.call("admin/list-users-full")
    assert set(UserProfile.objects.values_list("username", flat=True)) == set(profiles)
    assert Device.objects.count() == sum(len(profile["Devices"]) for profile in profiles.values())
    assert ProtectedItem.objects.count() == sum(len(profile["Sources"]) for profile in profiles.values())
    assert StorageVault.objects.count() == sum(len(profile["Destinations"]) for profile in profiles.values())
    assert set(Policy.objects.values_list("guid", flat=True)) == set(emulator.call("admin/policies/list"))
    assert Organization.objects.count() == len(emulator.call("admin/organization/list")) == 2
    assert set(Job.objects.values_list("guid", flat=True)) >= set(jobs_at(emulator))
    assert linked.last_full_sync_at is not None
    assert linked.last_sync_error == ""
    assert linked.version == "25.9.8"


def test_roll_ups_items_and_devices_agree_with_the_jobs(linked, provider):
    sync(linked, provider.user)

    ended = Counter(Job.objects.exclude(ended_at=None).values_list("state", flat=True))
    hours = {state: sum(PlacementHour.objects.values_list(state, flat=True)) for state in COUNTED}
    assert hours == {**dict.fromkeys(COUNTED, 0), **ended}
    assert sum(sum(getattr(day, state) for state in COUNTED) for day in DeviceDay.objects.all()) == sum(
        ended.values()
    )
    for item in ProtectedItem.objects.exclude(last_job_guid=""):
        backups = Job.objects.filter(
            profile=item.profile, item_guid=item.guid, classification=4001, ended_at__isnull=False
        )
        latest = backups.order_by("-ended_at", "-guid").first()
        assert (item.last_job_guid, item.last_state) == (latest.guid, latest.state)
        assert item.device.last_job_at >= item.last_job_at


def test_placements_are_made_at_the_owner_and_marked_until_somebody_chooses(linked, provider):
    sync(linked, provider.user)

    placements = Placement.objects.filter(server=linked)
    assert placements.count() == 4  # the server itself, the top level, two organizations
    assert set(placements.values_list("tenant", flat=True)) == {provider.tenant.pk}
    assert {placement.organization_id for placement in placements if not placement.is_unmapped} == {"*"}
    for profile in UserProfile.objects.select_related("placement"):
        assert profile.placement.organization_id == profile.organization_id


def test_a_second_sync_types_nothing_and_changes_nothing(linked, provider):
    sync(linked, provider.user)
    before = list(UserProfile.objects.order_by("pk").values_list("pk", "synced_at", "digest"))
    counts = list(PlacementHour.objects.order_by("pk").values_list())

    operation = sync(linked, provider.user)

    assert operation.items.get().result["changed"] == 0
    assert list(UserProfile.objects.order_by("pk").values_list("pk", "synced_at", "digest")) == before
    assert list(PlacementHour.objects.order_by("pk").values_list()) == counts


def test_a_user_deleted_at_comet_goes_and_his_jobs_stay(linked, provider):
    placement = linked.placements.get(organization_id="")
    profile = UserProfileFactory(server=linked, placement=placement, username="gone-since", digest=b"d" * 32)
    JobFactory(device__profile=profile)

    sync(linked, provider.user)

    assert not UserProfile.objects.filter(username="gone-since").exists()
    job = Job.objects.get(username="gone-since")
    assert (job.profile, job.device, job.placement) == (None, None, placement)


def test_a_changed_profile_alone_is_read_again(emulator, linked, provider):
    sync(linked, provider.user)
    profile = UserProfile.objects.order_by("username").first()
    held = emulator.call("admin/get-user-profile-and-hash", TargetUser=profile.username)
    changed = {**held["Profile"], "AccountName": "A new name"}

    emulator.call(
        "admin/set-user-profile-hash",
        TargetUser=profile.username,
        ProfileData=json.dumps(changed),
        RequireHash=held["ProfileHash"],
    )

    operation = sync(linked, provider.user)

    profile.refresh_from_db()
    assert profile.account_name == "A new name"
    assert operation.items.get().result["changed"] == 1


@pytest.mark.parametrize(
    ("kind", "said"),
    [("html", "web page"), ("broken-json", "not JSON")],
)
def test_an_answer_that_is_not_comets_changes_nothing_and_says_what_to_do(
    emulator, linked, provider, kind, said
):
    sync(linked, provider.user)
    before = list(UserProfile.objects.order_by("pk").values())
    emulator.order("answer", method="AdminListUsersFull", kind=kind)

    operation = sync(linked, provider.user)

    item = operation.items.get()
    assert operation.state == Operation.State.FAILED
    for text in (item.error, linked.last_sync_error):
        assert "fr-par-1" in text
        assert "AdminListUsersFull" in text
        assert said in text
        assert "API address" in text
    assert list(UserProfile.objects.order_by("pk").values()) == before


def test_an_endless_answer_ends_at_the_limit(emulator, linked, provider, monkeypatch):
    clients.forget(linked)
    monkeypatch.setattr(clients, "MAX_BODY_BYTES", 2_000_000)
    emulator.order("answer", method="AdminListUsersFull", kind="endless")

    operation = sync(linked, provider.user)

    clients.forget(linked)
    assert "more than the portal takes" in operation.items.get().error
    assert UserProfile.objects.count() == 0


def test_a_server_that_stops_midway_leaves_the_sync_standing_and_going_on_where_it_was(
    emulator, linked, provider, monkeypatch
):
    original = module.fetch_window
    asked = []

    def stop_at_the_fifth_day(server, client, window, **more):
        asked.append(window)
        if len(asked) == 5:
            emulator.kill()
        return original(server, client, window, **more)

    monkeypatch.setattr(module, "fetch_window", stop_at_the_fifth_day)
    operation = start_sync(server=linked, user=provider.user)
    run_operation(operation)

    item = operation.items.get()
    assert (operation.state, item.state) == (Operation.State.RUNNING, OperationItem.State.PENDING)
    assert "fr-par-1" in item.error
    assert item.run_after > timezone.now()
    assert item.result["days"] == 4
    assert 0 < item.progress_done < item.progress_total
    linked.refresh_from_db()
    assert "did not answer" in linked.last_sync_error
    days_before = item.progress_done

    emulator.restart()
    OperationItem.objects.update(run_after=None)
    asked_before = asked[1:4]
    asked.extend([None] * 10)
    run_operation(operation)

    assert operation.state == Operation.State.SUCCEEDED, operation.items.get().error
    again = [window for window in asked[15:] if window is not None]
    assert not {window.start for window in again} & {window.start for window in asked_before}
    assert operation.items.get().progress_done > days_before
    assert set(Job.objects.values_list("guid", flat=True)) >= set(jobs_at(emulator))


def test_a_remedial_sync_brings_the_job_that_started_and_ended_unseen(emulator, linked, provider):
    sync(linked, provider.user)
    left_at = timezone.now()
    profile = Device.objects.select_related("profile").first()
    started = emulator.order(
        "jobs/start", username=profile.profile.username, device_id=profile.device_id, duration_seconds=30
    )
    emulator.order("advance", seconds=120)

    remedial_sync(linked, left_at - timedelta(seconds=1))

    job = Job.objects.get(guid=started["guid"])
    assert job.ended_at is not None
    assert job.device == profile


def test_a_remedial_sync_brings_the_missed_job_that_is_told_long_after_its_time(emulator, linked, provider):
    sync(linked, provider.user)
    device = Device.objects.select_related("profile").first()
    started = emulator.order(
        "jobs/start", username=device.profile.username, device_id=device.device_id, duration_seconds=1
    )
    emulator.order("advance", seconds=2)

    remedial_sync(linked, timezone.now() + timedelta(minutes=45))  # as if that time were 45 minutes ago

    assert Job.objects.get(guid=started["guid"]).ended_at is not None


def test_a_server_that_is_being_unlinked_is_not_synced(linked, provider):
    operation = start_sync(server=linked, user=provider.user)
    CometServer.objects.update(unlinking_at=timezone.now())

    run_operation(operation)

    assert "not linked any more" in operation.items.get().error


def test_a_full_sync_claims_to_know_of_nothing_that_happened_after_it_began(linked, provider, monkeypatch):
    asked_at = []

    def noted(server, version):
        asked_at.append(timezone.now())
        return note_version(server, version)

    monkeypatch.setattr(module, "note_version", noted)
    sync(linked, provider.user)

    linked.refresh_from_db()
    assert linked.last_full_sync_at <= asked_at[0]


def test_a_profile_that_an_event_writes_while_the_list_is_read_stays(linked, provider, monkeypatch):
    sync(linked, provider.user)
    profile = UserProfile.objects.order_by("pk").first()
    UserProfile.objects.filter(pk=profile.pk).update(digest=None)

    def told_meanwhile(server):
        later = timezone.now() + timedelta(seconds=1)
        UserProfile.objects.filter(pk=profile.pk).update(account_name="As the event says", synced_at=later)

    monkeypatch.setattr("portal.fleet.apply.lock_server", told_meanwhile)
    sync_profiles(linked, clients.for_server(linked))

    profile.refresh_from_db()
    assert profile.account_name == "As the event says"


def test_a_list_that_says_the_same_of_ended_jobs_is_not_read_again(emulator, linked, provider, monkeypatch):
    sync(linked, provider.user)
    listed = Job.objects.filter(guid__in=jobs_at(emulator))  # a profile may tell of an older one
    ended = listed.exclude(ended_at=None)
    assert not ended.filter(digest="", device__isnull=False).exists()
    read = []
    monkeypatch.setattr("portal.jobs.fetch._decode_job", lambda raw: read.append(raw) or decode_job(raw))

    sync(linked, provider.user)

    assert len(read) < ended.count() / 10  # those that ended in another day's window than they began in


@pytest.mark.parametrize(
    "what",
    [
        {"status": 7007, "digest": ""},  # as an event leaves it
        {"profile": None, "device": None},
        {"device": None},
        {"placement": "other"},
    ],
)
def test_a_job_that_was_written_since_or_lost_its_owner_is_read_again(linked, provider, what):
    sync(linked, provider.user)
    job = Job.objects.exclude(digest="").first()
    if "placement" in what:
        what = {"placement": PlacementFactory(server=linked, organization_id="elsewhere")}
    Job.objects.filter(pk=job.pk).update(**what)

    sync(linked, provider.user)

    again = Job.objects.get(pk=job.pk)
    assert (again.profile, again.device, again.placement) == (job.profile, job.device, job.placement)
    assert (again.status, again.digest) == (job.status, job.digest)
