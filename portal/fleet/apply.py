"""Writes what Comet Servers report of User Profiles: from full lists and from events alike.

Safe to repeat. A profile's Devices, Protected Items and Storage Vaults are written with it, and
those it no longer holds go. Nothing here calls a server.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.utils import timezone

from portal.core.bulk import upsert
from portal.core.chunks import chunked
from portal.core.events import Fact, publish_all
from portal.core.pacing import Pacer
from portal.core.wire import EPOCH, SMALL, clip, is_key, moment, natural
from portal.fleet.models import Device, ProtectedItem, StorageVault, UserProfile
from portal.fleet.records import DeviceRecord, ProfileRecord
from portal.servers.models import CometServer
from portal.servers.placements import Placements, lock_server, note_jobs_moved

CHUNK: Final = 50
"""Profiles of one transaction: about 500 rows with what belongs to them."""

_PROFILE_COLUMNS: Final = (
    "placement_id",
    "organization_id",
    "account_name",
    "email",
    "policy_guid",
    "is_suspended",
    "created_at",
    "device_count",
    "item_count",
    "vault_size_bytes",
    "digest",
    "synced_at",
)
_DEVICE_COLUMNS: Final = (
    "server_id",
    "placement_id",
    "name",
    "platform",
    "os_version",
    "client_version",
    "time_zone",
    "registered_at",
    "item_count",
)
_ITEM_COLUMNS: Final = ("server_id", "placement_id", "device_id", "name", "engine")
_VAULT_COLUMNS: Final = (
    "server_id",
    "placement_id",
    "name",
    "destination_type",
    "size_bytes",
    "measured_at",
    "limit_bytes",
)


@dataclass(slots=True)
class ProfilesApplied:
    """What a batch did; `device_ids` are the Devices of its profiles."""

    profiles: int = 0
    removed_rows: int = 0
    device_ids: list[int] = field(default_factory=list)


@dataclass(slots=True)
class _Owner:
    pk: int
    placement_id: int
    record: ProfileRecord


def apply_profiles(
    server: CometServer,
    profiles: Iterable[ProfileRecord],
    *,
    digests: Mapping[str, bytes] | None = None,
    read_at: datetime | None = None,
    bulk: bool = False,
) -> ProfilesApplied:
    """Store User Profiles of `server` with their Devices, Protected Items and Storage Vaults.

    `digests` holds, by user name, the SHA-256 of the raw profile where it came from a full list;
    without it the stored digest is cleared, so that the next full sync reads the profile again.
    Profiles written after `read_at`, when the list was asked for, are newer than it and stay.
    With `bulk`, a pause follows each transaction and no fact is published for each Device.
    """
    records = [record for record in profiles if is_key(record.username, 255)]
    applied = ProfilesApplied()
    pacer = Pacer(active=bulk)
    for chunk in chunked(records, CHUNK):
        with pacer, transaction.atomic():
            lock_server(server)
            _apply_chunk(server, _not_older(server, chunk, read_at), digests or {}, applied, quiet=bulk)
    pacer.rest()
    return applied


def _not_older(
    server: CometServer, records: Sequence[ProfileRecord], read_at: datetime | None
) -> Sequence[ProfileRecord]:
    """The records but for those of profiles that were written after `read_at`."""
    if read_at is None:
        return records
    usernames = [record.username for record in records]
    written = UserProfile.objects.filter(server=server, username__in=usernames, synced_at__gt=read_at)
    newer = set(written.values_list("username", flat=True))
    return [record for record in records if record.username not in newer]


def _apply_chunk(
    server: CometServer,
    records: Sequence[ProfileRecord],
    digests: Mapping[str, bytes],
    applied: ProfilesApplied,
    *,
    quiet: bool,
) -> None:
    """Store some profiles within a transaction that has locked the server's rows."""
    placements = Placements(server)
    owners = _write_profiles(server, records, digests, placements)
    devices = _write_devices(server, owners, applied)
    _write_items(server, owners, devices, applied)
    _write_vaults(server, owners, applied)
    note_jobs_moved(server.pk)
    applied.profiles += len(owners)
    applied.device_ids += devices.values()
    if not quiet:
        tenant_ids = placements.tenant_ids()
        by_profile = {owner.pk: tenant_ids[owner.placement_id] for owner in owners}
        publish_all(
            Fact("device.changed", by_profile[profile_id], {"device": pk, "server": server.pk})
            for (profile_id, _), pk in devices.items()
        )


def _write_profiles(
    server: CometServer,
    records: Sequence[ProfileRecord],
    digests: Mapping[str, bytes],
    placements: Placements,
) -> list[_Owner]:
    now = timezone.now()
    placed = {
        record.username: placements.of_profile(clip(record.organization_id, 64), record.username).pk
        for record in records
    }
    latest = {record.username: record for record in records}
    upsert(
        UserProfile,
        [
            (
                server.pk,
                name,
                placed[name],
                clip(record.organization_id, 64),
                clip(record.account_name, 255),
                clip(next(iter(record.emails or []), ""), 255),
                clip(record.policy_id, 255),
                record.is_suspended,
                moment(record.create_time),
                len(record.devices or {}),
                len(record.sources or {}),
                natural(sum(_size_of(vault)[0] for vault in (record.destinations or {}).values())),
                digests.get(name),
                now,
            )
            for name, record in latest.items()
        ],
        unique=("server_id", "username"),
        update=_PROFILE_COLUMNS,
    )
    ids = UserProfile.objects.filter(server=server, username__in=latest).values_list("username", "pk")
    return [_Owner(pk, placed[name], latest[name]) for name, pk in ids]


def _write_devices(
    server: CometServer, owners: Sequence[_Owner], applied: ProfilesApplied
) -> dict[tuple[int, str], int]:
    """Gives (profile, DeviceID) -> Device."""
    held = {
        (profile_id, device_id): (platform, os_version, client_version, time_zone)
        for profile_id, device_id, platform, os_version, client_version, time_zone in Device.objects.filter(
            profile_id__in=[owner.pk for owner in owners]
        ).values_list("profile_id", "device_id", "platform", "os_version", "client_version", "time_zone")
    }
    rows: list[tuple[Any, ...]] = []
    for owner in owners:
        items_of: dict[str, int] = {}
        for item in (owner.record.sources or {}).values():
            items_of[item.owner_device] = items_of.get(item.owner_device, 0) + 1
        for device_id, device in _usable(owner.record.devices, 128):
            known = held.get((owner.pk, device_id), ("", "", "", ""))
            rows.append(
                (
                    owner.pk,
                    device_id,
                    server.pk,
                    owner.placement_id,
                    clip(device.friendly_name, 255) or device_id[:12],
                    *(said or before for said, before in zip(_described(device), known, strict=True)),
                    moment(device.registration_time),
                    items_of.get(device_id, 0),
                )
            )
    upsert(
        Device,
        rows,
        unique=("profile_id", "device_id"),
        update=_DEVICE_COLUMNS,
        constants={"sort_last_job_at": EPOCH},
    )
    return _kept(Device, owners, "device_id", {(row[0], row[1]) for row in rows}, applied)


def _described(device: DeviceRecord) -> tuple[str, str, str, str]:
    """Platform, operating system, client version and time zone, as far as the profile says."""
    system = device.platform_version
    said = clip(device.client_version, 40), clip(device.device_timezone, 64)
    if system is None:
        return "", "", *said
    platform = "/".join(part for part in (system.os, system.arch) if part)
    named = " ".join(part for part in (system.distribution, system.version) if part)
    return clip(platform, 60), clip(named, 255), *said


def _write_items(
    server: CometServer,
    owners: Sequence[_Owner],
    devices: Mapping[tuple[int, str], int],
    applied: ProfilesApplied,
) -> None:
    """An item whose Device is gone from the profile has nobody to run it, and is not shown."""
    rows = [
        (
            owner.pk,
            guid,
            server.pk,
            owner.placement_id,
            devices[owner.pk, item.owner_device],
            clip(item.description, 255) or guid[:12],
            clip(item.engine, 60),
        )
        for owner in owners
        for guid, item in _usable(owner.record.sources, 255)
        if (owner.pk, item.owner_device) in devices
    ]
    upsert(ProtectedItem, rows, unique=("profile_id", "guid"), update=_ITEM_COLUMNS)
    _kept(ProtectedItem, owners, "guid", {(row[0], row[1]) for row in rows}, applied)


def _write_vaults(server: CometServer, owners: Sequence[_Owner], applied: ProfilesApplied) -> None:
    rows = [
        (
            owner.pk,
            guid,
            server.pk,
            owner.placement_id,
            clip(vault.description, 255) or guid[:12],
            natural(vault.destination_type, SMALL),
            *_size_of(vault),
            natural(vault.storage_limit_bytes) if vault.storage_limit_enabled else 0,
        )
        for owner in owners
        for guid, vault in _usable(owner.record.destinations, 255)
    ]
    upsert(StorageVault, rows, unique=("profile_id", "guid"), update=_VAULT_COLUMNS)
    _kept(StorageVault, owners, "guid", {(row[0], row[1]) for row in rows}, applied)


def _kept(
    model: Any,
    owners: Sequence[_Owner],
    key: str,
    present: set[tuple[int, str]],
    applied: ProfilesApplied,
) -> dict[tuple[int, str], int]:
    """Ids of the owners' rows that are `present`; the others are deleted."""
    rows = model.objects.filter(profile_id__in=[owner.pk for owner in owners])
    found = {(profile_id, guid): pk for profile_id, guid, pk in rows.values_list("profile_id", key, "pk")}
    gone = [pk for held, pk in found.items() if held not in present]
    if gone:
        model.objects.filter(pk__in=gone).delete()
        applied.removed_rows += len(gone)
    return {held: pk for held, pk in found.items() if held in present}


def _usable(entries: Mapping[str, Any] | None, limit: int) -> list[tuple[str, Any]]:
    """Entries whose key a column can hold."""
    return [(key, value) for key, value in (entries or {}).items() if is_key(key, limit)]


def _size_of(vault: Any) -> tuple[int, datetime | None]:
    """Bytes and when they were measured."""
    measured = vault.statistics.client_provided_size if vault.statistics else None
    if measured is None:
        return 0, None
    return natural(measured.size), moment(measured.measure_completed)


def remove_profiles(
    server: CometServer, usernames: Sequence[str], *, report: Callable[[int], None] = lambda done: None
) -> int:
    """Delete profiles that are gone from `server`, with what belongs to them; Jobs stay as history.

    Short transactions; `report` is called with how many are gone after each.
    """
    removed = 0
    pacer = Pacer()
    for part in chunked(usernames, CHUNK):
        with pacer, transaction.atomic():
            lock_server(server)
            removed += (
                UserProfile.objects.filter(server=server, username__in=part)
                .delete()[1]
                .get("fleet.UserProfile", 0)
            )
            note_jobs_moved(server.pk)
        report(removed)
    return removed
