"""A linked server with its people, and lists of Jobs as it answers them."""

import json
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Final

from django.utils import timezone

from portal.fleet.models import Device, ProtectedItem, StorageVault, UserProfile
from portal.servers.models import CometServer
from portal.servers.placements import ensure_placements
from portal.tenants.models import Tenant

PROFILES: Final = 1000
"""Each with one Device, one Protected Item and one Storage Vault."""


def populate(name: str = "server", api_url: str = "http://server", profiles: int = PROFILES) -> CometServer:
    """A server as it stands after its profiles were read."""
    tenant = Tenant.objects.filter(kind=Tenant.Kind.PROVIDER).first()
    tenant = tenant or Tenant.objects.create(kind=Tenant.Kind.PROVIDER, name="Provider")
    server = CometServer.objects.create(
        tenant=tenant, name=name, api_url=api_url, browser_url=api_url, license_hash=name
    )
    placement = ensure_placements(server, ()).of_organization("")
    users = UserProfile.objects.bulk_create(
        UserProfile(server=server, placement=placement, username=f"user-{n}", synced_at=timezone.now())
        for n in range(profiles)
    )
    devices = Device.objects.bulk_create(
        Device(
            server=server,
            placement=placement,
            profile=user,
            device_id=f"device-{n}",
            name=f"DEVICE-{n}",
            sort_last_job_at=timezone.now(),
        )
        for n, user in enumerate(users)
    )
    ProtectedItem.objects.bulk_create(
        ProtectedItem(
            server=server,
            placement=placement,
            profile=device.profile,
            device=device,
            guid=f"source-{n}",
            name="Files and folders",
        )
        for n, device in enumerate(devices)
    )
    StorageVault.objects.bulk_create(
        StorageVault(
            server=server,
            placement=placement,
            profile=user,
            guid=f"vault-{n}",
            name="Storage Vault",
            destination_type=1003,
        )
        for n, user in enumerate(users)
    )
    return server


def list_of_jobs(count: int, changed: Collection[int] = ()) -> bytes:
    """What AdminGetJobsForDateRange answers: ended backups of 30 days; those `changed` end otherwise."""
    now = int(datetime.now(UTC).timestamp()) // 86_400 * 86_400
    spacing = 30 * 86_400 // count
    return json.dumps(
        [job_detail(n, now - n * spacing, is_changed=n in changed) for n in range(count)],
        separators=(",", ":"),  # as Comet writes it
    ).encode()


def job_detail(
    number: int, started: int, *, profiles: int = PROFILES, is_changed: bool = False
) -> dict[str, object]:
    """`BackupJobDetail` of a backup that has ended."""
    ended = started + 120
    return {
        "GUID": f"{number * 2654435761 % 2**32:08x}-0000-4000-8000-{number:012x}",
        "Username": f"user-{number % profiles}",
        "Classification": 4001,
        "Status": 7002 if is_changed or number % 9 == 0 else 5000,
        "StartTime": started,
        "EndTime": ended + is_changed,
        "SourceGUID": f"source-{number % profiles}",
        "DestinationGUID": f"vault-{number % profiles}",
        "DeviceID": f"device-{number % profiles}",
        "SnapshotID": f"{number:064x}",
        "ClientVersion": "25.9.8",
        "TotalDirectories": 120,
        "TotalFiles": 4100,
        "TotalSize": 123_456_789,
        "TotalChunks": 999,
        "UploadSize": 1_234_567,
        "DownloadSize": 12_345,
        "TotalVmCount": 0,
        "TotalMailsCount": 0,
        "TotalSitesCount": 0,
        "TotalAccountsCount": 0,
        "TotalLicensedMailsCount": 0,
        "CancellationID": "",
        "DestinationSizeStart": {"Size": 5, "MeasureStarted": started, "MeasureCompleted": started},
        "DestinationSizeEnd": {"Size": 9, "MeasureStarted": ended, "MeasureCompleted": ended},
    }
