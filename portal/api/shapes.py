"""What the API answers, as types: the OpenAPI document and the page about the API are made of them.

Times are UTC (`2026-11-21T06:00:00Z`), sizes are bytes, durations seconds; the name says which. A
field may be added at any time; none is renamed, removed or given another meaning within /api/v1/.
"""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from portal.core.states import State


def _told(description: str, example: Any) -> Meta:
    return Meta(description=description, examples=[example])


Time = Annotated[datetime, Meta(tz=True, examples=["2026-11-21T06:00:00Z"])]
Size = Annotated[int, Meta(ge=0, examples=[1_610_612_736])]
Count = Annotated[int, Meta(ge=0, examples=[12])]
Id = Annotated[int, _told("Its number in the portal.", 12)]


class TenantRef(msgspec.Struct):
    """The tenant that something belongs to."""

    id: Id
    name: Annotated[str, _told("What it is called.", "Riverside Dental")]


class ServerRef(msgspec.Struct):
    """The Comet Server that something is on."""

    id: Id
    name: Annotated[str, _told("What it is called in the portal.", "fr-par-2")]


class UserRef(msgspec.Struct):
    """The User Profile that something belongs to."""

    id: Annotated[int | None, _told("Its number in the portal; null once it is gone.", 31)]
    username: Annotated[str, _told("Its name on the Comet Server.", "riverside")]


class DeviceRef(msgspec.Struct):
    """The Device that a Job ran on."""

    id: Annotated[int | None, _told("Its number in the portal; null once it is gone.", 77)]
    name: Annotated[str, _told("What it was called then.", "RECEPTION-PC")]


class CometRef(msgspec.Struct):
    """A Protected Item or a Storage Vault, as Comet knows it."""

    guid: Annotated[str, _told("Comet's id; may be empty.", "0b7c9c0e-8f55-4d3c-9a54-6b0b1f1c2d3e")]
    name: Annotated[str, _told("What it was called then; may be empty.", "Documents")]


class Server(msgspec.Struct):
    """A linked Comet Server."""

    id: Id
    name: Annotated[str, _told("What it is called in the portal.", "fr-par-2")]
    tenant: TenantRef
    address: Annotated[str, _told("Where browsers reach it.", "https://fr-par-2.example.com")]
    version: Annotated[str, _told("Of the Comet Server; empty before the first sync.", "25.9.7")]
    stream: Annotated[
        str, _told("Its event stream: up, down, never or off (heard by webhook alone, by choice).", "up")
    ]
    is_stale: Annotated[bool, _told("Whether what is told of it may have changed since.", False)]
    data_at: Annotated[Time | None, Meta(description="When it last told something.")]
    last_event_at: Annotated[Time | None, Meta(description="When its last event came in.")]
    last_full_sync_at: Annotated[Time | None, Meta(description="When everything was last read.")]
    clock_drift_ms: Annotated[int, _told("Its clock minus ours, in milliseconds.", 40)]
    devices_configured: Annotated[Count, Meta(description="Devices that its licence counts.")]
    device_limit: Annotated[int | None, _told("Devices that its licence allows; null: unlimited.", 500)]
    license_valid_until: Annotated[Time | None, Meta(description="When its licence ends.")]
    linked_at: Annotated[Time, Meta(description="When it was linked.")]


class Device(msgspec.Struct):
    """A machine that backs up."""

    id: Id
    device_id: Annotated[str, _told("Comet's DeviceID.", "7f3a…")]
    name: Annotated[str, _told("What it is called.", "RECEPTION-PC")]
    server: ServerRef
    tenant: TenantRef
    user: UserRef
    state: Annotated[State, Meta(description="The worst state of what it backs up.")]
    is_online: Annotated[bool, _told("Whether it is connected to its Comet Server.", True)]
    protected_items: Annotated[Count, Meta(description="How many things it backs up.")]
    platform: Annotated[str, _told("As Comet writes it.", "windows/amd64")]
    os_version: Annotated[str, _told("May be empty.", "Windows 11 Pro 24H2")]
    client_version: Annotated[str, _told("Of the Comet client; may be empty.", "25.9.7")]
    time_zone: Annotated[str, _told("IANA name; may be empty.", "Europe/Paris")]
    registered_at: Annotated[Time | None, Meta(description="When it was registered.")]
    last_seen_at: Annotated[Time | None, Meta(description="When it was last connected.")]
    last_job_at: Annotated[Time | None, Meta(description="When its last Job began.")]
    last_success_at: Annotated[Time | None, Meta(description="When its last good backup ended.")]


class Progress(msgspec.Struct):
    """How far a running Job is."""

    items: Annotated[Count, Meta(description="Files and folders done.")]
    items_total: Annotated[Count, Meta(description="Files and folders in all; 0: not known.")]
    size_bytes: Annotated[Size, Meta(description="Bytes done.")]
    moved_at: Annotated[Time | None, Meta(description="When it last moved.")]


class Job(msgspec.Struct):
    """A Job of a Comet Server."""

    id: Id
    guid: Annotated[str, _told("Comet's id of it.", "5b6c1f7a-14a3-4f1e-b3c7-2a4b1f0f9d11")]
    server: ServerRef
    tenant: TenantRef
    user: UserRef
    device: DeviceRef
    item: Annotated[CometRef, Meta(description="The Protected Item.")]
    vault: Annotated[CometRef, _told("The Storage Vault.", {"guid": "f2a8…", "name": "Paris vault"})]
    kind: Annotated[str, _told("What it did, in words.", "Backup")]
    kind_code: Annotated[int, _told("Comet's classification.", 4001)]
    state: Annotated[State, Meta(description="How it went.")]
    status: Annotated[str, _told("How it went, in words.", "Succeeded")]
    status_code: Annotated[int, _told("Comet's status.", 5000)]
    message: Annotated[str, _told("The first error line of its log; may be empty.", "")]
    started_at: Annotated[Time, Meta(description="When it began.")]
    ended_at: Annotated[Time | None, _told("When it ended; null while it runs.", "2026-11-21T06:04:00Z")]
    duration_seconds: Annotated[float | None, _told("How long it took; null while it runs.", 240.0)]
    files: Annotated[Count, Meta(description="Files it looked at.")]
    size_bytes: Annotated[Size, Meta(description="Bytes it looked at.")]
    upload_bytes: Annotated[Size, Meta(description="Bytes sent to the Storage Vault.")]
    download_bytes: Annotated[Size, Meta(description="Bytes read from the Storage Vault.")]
    client_version: Annotated[str, _told("Of the Comet client; may be empty.", "25.9.7")]
    progress: Annotated[Progress | None, _told("How far it is while it runs; else null.", None)]


NextCursor = Annotated[
    str | None,
    _told("What asks for the next page, as `cursor`; null on the last one.", "WyIyMDI2LTExLTIx…"),
]


class ServerPage(msgspec.Struct):
    """Some Comet Servers, by id."""

    data: list[Server]
    next_cursor: NextCursor


class DevicePage(msgspec.Struct):
    """Some Devices, by id."""

    data: list[Device]
    next_cursor: NextCursor


class JobPage(msgspec.Struct):
    """Some Jobs, the latest first."""

    data: list[Job]
    next_cursor: NextCursor
