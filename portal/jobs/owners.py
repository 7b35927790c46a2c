"""Which profile, Device, placement and names belong to reported Jobs; a fixed number of queries."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from django.db.models import QuerySet

from portal.fleet.models import Device, ProtectedItem, StorageVault, UserProfile
from portal.jobs.merge import AnyJob, JobRow
from portal.servers.models import CometServer
from portal.servers.placements import Placements

_NAMED: Final = ("profile_id", "guid", "name")
_MANY: Final = 5000


@dataclass(slots=True)
class Owners:
    """Rows of one Comet Server that its Jobs point at, by what Comet calls them."""

    fallback_placement_id: int
    tenant_ids: dict[int, int]
    """Placement -> the Tenant that owns it."""
    profiles: dict[str, tuple[int, int]] = field(default_factory=dict)
    """User name -> profile and placement."""
    devices: dict[tuple[int, str], tuple[int, str]] = field(default_factory=dict)
    """Profile and DeviceID -> Device and its name."""
    items: dict[tuple[int, str], str] = field(default_factory=dict)
    vaults: dict[tuple[int, str], str] = field(default_factory=dict)

    def assign(self, row: JobRow, report: AnyJob) -> bool:
        """Point `row` at its owners. Names stay as they were when the Job was first seen.

        A Job of a user not known here belongs to the server's owner until the user is. Gives whether
        all that it speaks of is known, so that nothing is left to be found later.
        """
        profile = self.profiles.get(row.username)
        if profile is None:
            row.placement_id = row.placement_id or self.fallback_placement_id
            return False
        row.profile_id, row.placement_id = profile
        device = self.devices.get((row.profile_id, report.device_id))
        if device is not None:
            row.device_id = device[0]
            row.device_name = row.device_name or device[1]
        row.item_name = row.item_name or self.items.get((row.profile_id, row.item_guid), "")
        row.vault_name = row.vault_name or self.vaults.get((row.profile_id, row.vault_guid), "")
        return bool(
            device is not None
            and (row.item_name or not row.item_guid)
            and (row.vault_name or not row.vault_guid)
        )


def owners_of(server: CometServer, reports: Iterable[AnyJob]) -> Owners:
    """Five queries, however many Jobs are reported."""
    reports = list(reports)
    placements = Placements(server)
    fallback = placements.of_server()
    owners = Owners(fallback.pk, placements.tenant_ids())
    profiles = _among(UserProfile.objects.filter(server=server), "username", {r.username for r in reports})
    for pk, username, placement_id in profiles.values_list("pk", "username", "placement_id"):
        owners.profiles[username] = (pk, placement_id)
    devices = _owned(
        Device.objects.filter(server=server), owners, "device_id", {r.device_id for r in reports}
    )
    for pk, profile_id, device_id, name in devices.values_list("pk", "profile_id", "device_id", "name"):
        owners.devices[profile_id, device_id] = (pk, name)
    items = _owned(
        ProtectedItem.objects.filter(server=server), owners, "guid", {r.source_guid for r in reports}
    )
    owners.items = {(profile, guid): name for profile, guid, name in items.values_list(*_NAMED)}
    vaults = _owned(
        StorageVault.objects.filter(server=server), owners, "guid", {r.destination_guid for r in reports}
    )
    owners.vaults = {(profile, guid): name for profile, guid, name in vaults.values_list(*_NAMED)}
    return owners


def _owned(rows: QuerySet[Any], owners: Owners, column: str, values: set[str]) -> QuerySet[Any]:
    profile_ids = {pk for pk, _ in owners.profiles.values()}
    return _among(_among(rows, "profile_id", profile_ids), column, values)


def _among(rows: QuerySet[Any], column: str, values: set[Any]) -> QuerySet[Any]:
    """Narrowed to `values`, unless they are so many that reading all rows costs less.

    PostgreSQL takes no NUL in a query, and no row holds one.
    """
    values = {value for value in values if not (isinstance(value, str) and "\0" in value)}
    return rows.filter(**{f"{column}__any_of": values}) if len(values) <= _MANY else rows
