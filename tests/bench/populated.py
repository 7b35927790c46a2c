"""A linked server with its people, as it stands after its profiles were read."""

from django.utils import timezone

from portal.fleet.models import Device, ProtectedItem, StorageVault, UserProfile
from portal.servers.models import CometServer
from portal.servers.placements import ensure_placements
from portal.tenants.models import Tenant
from tests.bench.job_details import PROFILES


def populate(name: str = "server", api_url: str = "http://server", profiles: int = PROFILES) -> CometServer:
    """Its row, and one Device, Protected Item and Storage Vault for each user."""
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
