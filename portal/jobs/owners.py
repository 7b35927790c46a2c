"""Which profile, Device, placement and names belong to reported Jobs; a fixed number of queries."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from django.db.models import QuerySet

from portal.core.prepared import Prepared
from portal.fleet.models import Device, ProtectedItem, StorageVault, UserProfile
from portal.jobs.merge import AnyJob, JobRow
from portal.servers.models import CometServer
from portal.servers.placements import Placements

_MANY: Final = 5000


class Owned(NamedTuple):
    """What one Job points at, and what that is called; None and "" for what is not known here."""

    placement_id: int
    profile_id: int | None = None
    device_id: int | None = None
    device_name: str = ""
    item_name: str = ""
    vault_name: str = ""


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

    def find(self, username: str, device_id: str, item_guid: str, vault_guid: str) -> Owned:
        """The owners of a Job as Comet names them.

        A Job of a user not known here belongs to the server's owner until the user is.
        """
        profile = self.profiles.get(username)
        if profile is None:
            return Owned(self.fallback_placement_id)
        profile_id, placement_id = profile
        device = self.devices.get((profile_id, device_id))
        return Owned(
            placement_id,
            profile_id,
            device[0] if device else None,
            device[1] if device else "",
            self.items.get((profile_id, item_guid), ""),
            self.vaults.get((profile_id, vault_guid), ""),
        )

    def has_all(self, report: AnyJob) -> bool:
        """Whether all that a report speaks of is here."""
        profile_id, _ = self.profiles.get(report.username, (None, None))
        return (
            (profile_id, report.device_id) in self.devices
            and (not report.source_guid or (profile_id, report.source_guid) in self.items)
            and (not report.destination_guid or (profile_id, report.destination_guid) in self.vaults)
        )

    def assign(self, row: JobRow, report: AnyJob) -> bool:
        """Point `row` at its owners. Names stay as they were when the Job was first seen.

        Gives whether all that it speaks of is known, so that nothing is left to be found later.
        """
        owned = self.find(row.username, report.device_id, row.item_guid, row.vault_guid)
        if owned.profile_id is None:
            row.placement_id = row.placement_id or owned.placement_id
            return False
        row.profile_id, row.placement_id = owned.profile_id, owned.placement_id
        if owned.device_id is not None:
            row.device_id = owned.device_id
            row.device_name = row.device_name or owned.device_name
        row.item_name = row.item_name or owned.item_name
        row.vault_name = row.vault_name or owned.vault_name
        return bool(
            owned.device_id is not None
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
    placements = Placements(server)
    fallback = placements.of_server()
    owners = Owners(fallback.pk, placements.tenant_ids())
    learn(owners, server, reports)
    return owners


def learn(owners: Owners, server: CometServer, reports: Iterable[AnyJob]) -> None:
    """Add to `owners` those that reports speak of; four queries, none where there are no reports."""
    reports = list(reports)
    if not reports:
        return
    for pk, username, placement_id in _profiles(server, {report.username for report in reports}):
        owners.profiles[username] = (pk, placement_id)
    known = {pk for pk, _ in owners.profiles.values()}
    for pk, profile_id, device_id, name in _devices(server, known, {report.device_id for report in reports}):
        owners.devices[profile_id, device_id] = (pk, name)
    for profile_id, guid, name in _items(server, known, {report.source_guid for report in reports}):
        owners.items[profile_id, guid] = name
    for profile_id, guid, name in _vaults(server, known, {report.destination_guid for report in reports}):
        owners.vaults[profile_id, guid] = name
