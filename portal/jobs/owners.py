"""Which profile, Device, placement and names belong to reported Jobs; a fixed number of queries."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from django.db.models import QuerySet

from portal.core.prepared import Prepared
from portal.fleet.models import Device, ProtectedItem, StorageVault, UserProfile
from portal.jobs.merge import AnyJob, JobRow
from portal.servers.models import CometServer
from portal.servers.placements import Placements

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


class _Rows:
    """Columns of one server's rows that hold, in each column of `by`, one of the values asked for."""

    def __init__(self, model: type[Any], by: tuple[str, ...], columns: tuple[str, ...]) -> None:
        def some(server: Any, *values: Any) -> QuerySet[Any, Any]:
            asked = {f"{column}__any_of": value for column, value in zip(by, values, strict=True)}
            return model.objects.filter(server=server, **asked).values_list(*columns)

        self._some = Prepared(some)
        self._all = Prepared(lambda server: model.objects.filter(server=server).values_list(*columns))

    def __call__(self, server: CometServer, *values: set[Any]) -> list[tuple[Any, ...]]:
        """All rows where values are so many that reading them all costs less.

        PostgreSQL takes no NUL in a query, and no row holds one.
        """
        if any(len(column) > _MANY for column in values):
            return self._all(server.pk)
        fit = (
            {value for value in column if not (isinstance(value, str) and "\0" in value)} for column in values
        )
        return self._some(server.pk, *fit)


_profiles = _Rows(UserProfile, ("username",), ("pk", "username", "placement_id"))
_devices = _Rows(Device, ("profile_id", "device_id"), ("pk", "profile_id", "device_id", "name"))
_items = _Rows(ProtectedItem, ("profile_id", "guid"), ("profile_id", "guid", "name"))
_vaults = _Rows(StorageVault, ("profile_id", "guid"), ("profile_id", "guid", "name"))


def owners_of(server: CometServer, reports: Iterable[AnyJob]) -> Owners:
    """Five queries, however many Jobs are reported."""
    reports = list(reports)
    placements = Placements(server)
    fallback = placements.of_server()
    owners = Owners(fallback.pk, placements.tenant_ids())
    for pk, username, placement_id in _profiles(server, {report.username for report in reports}):
        owners.profiles[username] = (pk, placement_id)
    known = {pk for pk, _ in owners.profiles.values()}
    for pk, profile_id, device_id, name in _devices(server, known, {report.device_id for report in reports}):
        owners.devices[profile_id, device_id] = (pk, name)
    items = _items(server, known, {report.source_guid for report in reports})
    owners.items = {(profile, guid): name for profile, guid, name in items}
    vaults = _vaults(server, known, {report.destination_guid for report in reports})
    owners.vaults = {(profile, guid): name for profile, guid, name in vaults}
    return owners
