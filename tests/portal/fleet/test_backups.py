"""Backups of an emulated Comet Server's devices, from the click to the Job's end, over real HTTP."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from portal.fleet.models import Device, ProtectedItem, StorageVault
from portal.fleet.services import start_backups
from portal.jobs.models import Job
from portal.jobs.services import cancel_job
from portal.jobs.tasks import poll_server_progress
from portal.operations.models import Operation, OperationItem
from portal.operations.services import cancel
from tests.emulated import run_operation, sync
from tests.factories import (
    DeviceFactory,
    MembershipFactory,
    ProtectedItemFactory,
    StorageVaultFactory,
    TenantFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db
State = OperationItem.State
NAMES_JOBS_SINCE = (25, 9, 6)


def version_of(connection):
    return tuple(int(part) for part in connection["ReportedVersion"].split("."))


@pytest.fixture
def connections(emulator):
    """Live connections of the server, one for each device."""
    return {
        (found["Username"], found["DeviceID"]): found
        for found in emulator.call("admin/dispatcher/list-active").values()
    }


@pytest.fixture
def synced(linked, provider):
    sync(linked, provider.user)
    return linked


def item_where(connections, wanted):
    """A Protected Item whose Device's connection (None while offline) is as wanted."""
    for item in ProtectedItem.objects.select_related("device__profile", "server", "placement"):
        connection = connections.get((item.device.profile.username, item.device.device_id))
        if wanted(connection):
            return item
    raise AssertionError("the emulator has no such device; choose another seed")


@pytest.fixture
def modern(synced, connections):
    return item_where(connections, lambda found: found and version_of(found) >= NAMES_JOBS_SINCE)


def begin(item, person, **options):
    return start_backups(user=person.user, item=item, **options)


def is_over(emulator, guid):
    return emulator.call("admin/get-job-properties", JobID=guid)["EndTime"] > 0


def let_it_end(emulator, guid):
    for _ in range(100):
        if is_over(emulator, guid):
            return
        emulator.order("advance", seconds=600)
    raise AssertionError("the job never ended")


def test_a_backup_is_followed_from_the_click_to_its_end(emulator, synced, modern, provider):
    operation = run_operation(begin(modern, provider))
    item = operation.items.get()
    assert item.state == State.FOLLOWING, item.error
    told = emulator.call("admin/get-job-properties", JobID=item.follow_guid)
    assert told["SourceGUID"] == modern.guid

    poll_server_progress(synced.pk)
    let_it_end(emulator, item.follow_guid)
    poll_server_progress(synced.pk)

    item.refresh_from_db()
    operation.refresh_from_db()
    assert item.has_ended
    assert not operation.is_active
    assert item.result["job_id"] == Job.objects.get(guid=item.follow_guid).pk


def test_progress_is_the_job_s_own(emulator, synced, modern, provider):
    operation = run_operation(begin(modern, provider))
    emulator.order("advance", seconds=5)

    poll_server_progress(synced.pk)

    item = operation.items.get()
    told = emulator.call("admin/get-job-properties", JobID=item.follow_guid)["Progress"]
    assert item.progress_total == told["ItemsTotal"] > 0
    assert 0 < item.progress_done <= told["ItemsDone"]
    assert item.progress_text == f"{item.progress_done:,} of {item.progress_total:,} files"


def test_a_device_that_names_no_job_is_followed_all_the_same(emulator, synced, connections, provider):
    old = item_where(connections, lambda found: found and version_of(found) < NAMES_JOBS_SINCE)
    operation = run_operation(begin(old, provider))
    assert operation.items.get().state == State.CLAIMED
    OperationItem.objects.update(claim_expires_at=timezone.now())

    item = run_operation(operation).items.get()

    assert item.state == State.FOLLOWING, item.error
    told = emulator.call("admin/get-job-properties", JobID=item.follow_guid)
    assert (told["SourceGUID"], told["DeviceID"]) == (old.guid, old.device.device_id)


def test_a_backup_of_a_worker_that_died_is_found_and_not_started_twice(emulator, synced, modern, provider):
    operation = begin(modern, provider)
    connection_ids = [
        guid
        for guid, found in emulator.call("admin/dispatcher/list-active").items()
        if found["DeviceID"] == modern.device.device_id and found["Username"] == modern.profile.username
    ]
    vault = StorageVault.objects.filter(profile=modern.profile).order_by("name", "pk").first()
    operation.items.update(params={**operation.items.get().params, "vault": vault.pk})
    now = timezone.now()
    started = emulator.call(
        "admin/dispatcher/run-backup-custom",
        TargetID=connection_ids[0],
        Source=modern.guid,
        Destination=vault.guid,
    )
    operation.items.update(state=State.CLAIMED, attempts=1, claimed_at=now, claim_expires_at=now)

    item = run_operation(operation).items.get()

    assert (item.state, item.follow_guid) == (State.FOLLOWING, started["JobID"])


def test_an_offline_device_says_so_and_nothing_is_started(synced, connections, provider):
    offline = item_where(connections, lambda found: found is None)

    operation = run_operation(begin(offline, provider))

    assert operation.state == Operation.State.FAILED
    assert f"{offline.device.name} is offline" in operation.items.get().error


def test_a_server_that_is_down_says_so_and_nothing_is_uncertain(emulator, synced, modern, provider):
    emulator.order("fail", method="AdminDispatcherListActive", times=10, http_status=502)

    item = run_operation(begin(modern, provider)).items.get()

    assert item.state == State.FAILED
    assert str(synced) in item.error


def test_cancelling_the_operation_stops_the_job_at_the_server(emulator, synced, modern, provider):
    operation = run_operation(begin(modern, provider))
    cancel(operation, user=provider.user)

    cancelling = run_operation(Operation.objects.get(kind="job.cancel"))

    operation.refresh_from_db()
    guid = operation.items.get().follow_guid
    assert cancelling.state == Operation.State.SUCCEEDED, cancelling.items.get().error
    assert emulator.call("admin/get-job-properties", JobID=guid)["Status"] == 7005
    assert operation.state == Operation.State.CANCELLED


def test_a_running_job_is_cancelled_from_its_page(emulator, synced, modern, provider):
    operation = run_operation(begin(modern, provider))
    poll_server_progress(synced.pk)
    job = Job.objects.get(guid=operation.items.get().follow_guid)

    run_operation(cancel_job(job, user=provider.user))

    job.refresh_from_db()
    assert (job.status, job.state) == (7005, "skipped")


def test_a_job_that_has_ended_is_left_alone(emulator, synced, provider):
    job = Job.objects.filter(ended_at__isnull=False, classification=4001).first()

    operation = run_operation(cancel_job(job, user=provider.user))

    assert operation.items.get().progress_text == "It had ended already"


def test_a_job_of_a_vanished_device_cannot_be_cancelled(emulator, synced, connections, provider):
    offline = item_where(connections, lambda found: found is None)
    job = Job.objects.filter(device=offline.device, ended_at__isnull=False).first()
    Job.objects.filter(pk=job.pk).update(username="somebody.else")
    job.refresh_from_db()

    operation = run_operation(cancel_job(job, user=provider.user))

    assert operation.items.get().error == "This Job is not one of somebody.else."


def test_all_items_of_a_device_are_backed_up_each_for_itself(provider):
    device = DeviceFactory(name="FILE-SRV")
    items = [ProtectedItemFactory(device=device) for _ in range(2)]

    operation = start_backups(devices=[device], user=provider.user)

    assert operation.title == "Back up FILE-SRV, 2 items"
    assert operation.tenant_id == device.tenant_id
    assert {item.params["protected_item"] for item in operation.items.all()} == {item.pk for item in items}


def test_a_whole_group_runs_as_one_operation(provider):
    items = [ProtectedItemFactory() for _ in range(3)]

    operation = start_backups(items=items, user=provider.user)

    assert operation.title == "Back up 3 devices"
    assert operation.tenant == provider.tenant
    assert operation.items.count() == 3


def test_who_sees_no_tenant_above_them_all_gets_an_operation_for_each(db):
    user = UserFactory()
    tenants = [TenantFactory() for _ in range(2)]
    items = [ProtectedItemFactory(tenant=tenant) for tenant in tenants]
    for tenant in tenants:
        MembershipFactory(user=user, tenant=tenant, role="technician")

    first = start_backups(items=items, user=user)

    assert {operation.tenant for operation in Operation.objects.all()} == set(tenants)
    assert first.items.count() == 1


def test_nothing_to_back_up_is_said(provider):
    with pytest.raises(ValidationError):
        start_backups(devices=[DeviceFactory()], user=provider.user)


def test_an_item_that_moved_to_another_tenant_is_not_touched(provider):
    protected = ProtectedItemFactory()
    operation = start_backups(item=protected, user=provider.user)
    protected.placement.tenant = TenantFactory()
    protected.placement.save()

    assert "belongs to another tenant" in run_operation(operation).items.get().error


def test_a_user_without_a_vault_says_so(provider):
    operation = start_backups(item=ProtectedItemFactory(), user=provider.user)

    assert "no Storage Vault" in run_operation(operation).items.get().error


def test_a_vault_of_another_user_is_not_used(provider):
    operation = start_backups(item=ProtectedItemFactory(), vault=StorageVaultFactory(), user=provider.user)

    assert "no Storage Vault" in run_operation(operation).items.get().error


def test_a_device_that_is_gone_meanwhile_says_so(provider):
    protected = ProtectedItemFactory(device=DeviceFactory(name="GONE"))
    operation = start_backups(item=protected, user=provider.user)
    Device.objects.all().delete()

    assert "GONE" in run_operation(operation).items.get().error


def test_an_old_scheduled_job_is_not_taken_for_ours(emulator, synced, modern, provider):
    operation = begin(modern, provider)
    now = timezone.now() + timedelta(hours=2)
    operation.items.update(state=State.CLAIMED, attempts=1, claimed_at=now, claim_expires_at=timezone.now())

    item = run_operation(operation).items.get()

    assert (item.state, item.follow_guid) == (State.CLAIMED, "")
