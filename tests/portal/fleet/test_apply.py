"""What becomes of reported User Profiles."""

import msgspec
import pytest

from portal.fleet.apply import apply_profiles, remove_profiles
from portal.fleet.models import Device, ProtectedItem, StorageVault, UserProfile
from portal.fleet.records import (
    DeviceRecord,
    ItemRecord,
    OSRecord,
    ProfileRecord,
    VaultRecord,
    decode_profile,
)
from portal.jobs.models import Job
from portal.servers.models import Placement
from tests.factories import CometServerFactory, JobFactory, TenantFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def server():
    return CometServerFactory()


def profile(username="anna", **changes):
    record = ProfileRecord(
        username=username,
        organization_id="org",
        emails=["a@example.com"],
        devices={
            "dev": DeviceRecord(
                friendly_name="LAPTOP", platform_version=OSRecord("11", "Windows", "windows", "amd64")
            )
        },
        sources={"src": ItemRecord(engine="engine1/file", description="Files", owner_device="dev")},
        destinations={
            "dst": VaultRecord(description="Vault", storage_limit_enabled=True, storage_limit_bytes=9)
        },
        create_time=1_700_000_000,
    )
    return msgspec.structs.replace(record, **changes)


def test_a_profile_is_stored_with_all_that_belongs_to_it(server):
    apply_profiles(server, [profile()], digests={"anna": b"d" * 32})

    stored = UserProfile.objects.get()
    assert (stored.username, stored.email, stored.placement.organization_id) == (
        "anna",
        "a@example.com",
        "org",
    )
    assert (stored.device_count, stored.item_count, bytes(stored.digest)) == (1, 1, b"d" * 32)
    device = Device.objects.get()
    assert (device.name, device.platform, device.os_version) == ("LAPTOP", "windows/amd64", "Windows 11")
    assert ProtectedItem.objects.get().device == device
    assert StorageVault.objects.get().limit_bytes == 9


def test_an_event_clears_the_digest_so_that_the_next_sync_reads_the_profile(server):
    apply_profiles(server, [profile()], digests={"anna": b"d" * 32})
    apply_profiles(server, [profile(account_name="Anna")])

    assert UserProfile.objects.get().digest is None


def test_again_keeps_the_rows_and_what_connections_and_jobs_wrote(server):
    apply_profiles(server, [profile()])
    device = Device.objects.get()
    Device.objects.update(connections=1, state="failed", client_version="25.9.8")

    apply_profiles(server, [profile()])

    again = Device.objects.get()
    assert (again.pk, again.connections, again.state, again.client_version) == (
        device.pk,
        1,
        "failed",
        "25.9.8",
    )


def test_what_a_profile_no_longer_holds_goes_and_jobs_stay(server):
    apply_profiles(server, [profile()])
    JobFactory(device=Device.objects.get())

    apply_profiles(server, [profile(devices={}, sources={}, destinations=None)])

    assert not any(model.objects.exists() for model in (Device, ProtectedItem, StorageVault))
    assert Job.objects.get().device is None


def test_another_organization_moves_everything_to_its_placement(server):
    apply_profiles(server, [profile()])
    apply_profiles(server, [profile(organization_id="other")])

    for model in (UserProfile, Device, ProtectedItem, StorageVault):
        assert model.objects.get().placement.organization_id == "other"


def test_a_user_placed_by_hand_stays_there(server):
    tenant = TenantFactory()
    Placement.objects.create(server=server, organization_id="org", username="anna", tenant=tenant)

    apply_profiles(server, [profile(), profile("berta")])

    assert UserProfile.objects.get(username="anna").tenant_id == tenant.pk
    assert UserProfile.objects.get(username="berta").tenant_id == server.tenant_id


def test_hostile_values_are_cut_to_what_columns_hold(server):
    long = "x" * 10_000
    apply_profiles(
        server,
        [
            profile(
                account_name=f"a\0{long}",
                emails=None,
                create_time=10**18,
                devices={"dev": DeviceRecord(friendly_name=long), long: DeviceRecord(), "": DeviceRecord()},
                destinations={"dst": VaultRecord(destination_type=-1, storage_limit_bytes=2**80)},
            ),
            profile(long),
        ],
    )

    stored = UserProfile.objects.get()
    assert (len(stored.account_name), stored.created_at) == (255, None)
    assert "\0" not in stored.account_name
    assert len(Device.objects.get().name) == 255


def test_removing_leaves_other_servers_alone(server):
    other = CometServerFactory()
    apply_profiles(server, [profile()])
    apply_profiles(other, [profile()])

    assert remove_profiles(server, ["anna", "unknown"]) == 1
    assert UserProfile.objects.get().server == other


def test_secrets_are_not_read():
    record = decode_profile(b'{"Username":"anna","PasswordHash":"secret-hash","TOTPKey":"k","Emails":null}')

    assert "secret-hash" not in repr(record)
    assert record.emails is None
