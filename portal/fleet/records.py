"""What the portal reads of a User Profile: its mirrored columns. Secrets are never decoded.

Field names are those of `comet.types`; lists and maps may be null, which means empty.
"""

import msgspec
from msgspec import field


class OSRecord(msgspec.Struct, gc=False):
    """`OSInfo`."""

    version: str = ""
    distribution: str = ""
    os: str = ""
    arch: str = ""


class DeviceRecord(msgspec.Struct, gc=False):
    """`DeviceConfig`."""

    friendly_name: str = field(default="", name="FriendlyName")
    registration_time: int = field(default=0, name="RegistrationTime")  # Unix seconds
    platform_version: OSRecord | None = field(default=None, name="PlatformVersion")
    device_timezone: str = field(default="", name="DeviceTimezone")
    client_version: str = field(default="", name="ClientVersion")


class ItemStatistics(msgspec.Struct, gc=False):
    """`SourceStatistics`; the Job inside is for the room that reads Jobs."""

    last_backup_job: msgspec.Raw = field(default=msgspec.Raw(b"null"), name="LastBackupJob")


class ItemRecord(msgspec.Struct, gc=False):
    """`SourceConfig`."""

    engine: str = field(default="", name="Engine")
    description: str = field(default="", name="Description")
    owner_device: str = field(default="", name="OwnerDevice")
    statistics: ItemStatistics | None = field(default=None, name="Statistics")


class SizeRecord(msgspec.Struct, gc=False):
    """`SizeMeasurement`."""

    size: int = field(default=0, name="Size")
    measure_completed: int = field(default=0, name="MeasureCompleted")  # Unix seconds


class VaultStatistics(msgspec.Struct, gc=False):
    """`DestinationStatistics`."""

    client_provided_size: SizeRecord | None = field(default=None, name="ClientProvidedSize")


class VaultRecord(msgspec.Struct, gc=False):
    """`DestinationConfig`."""

    description: str = field(default="", name="Description")
    destination_type: int = field(default=0, name="DestinationType")
    storage_limit_enabled: bool = field(default=False, name="StorageLimitEnabled")
    storage_limit_bytes: int = field(default=0, name="StorageLimitBytes")
    statistics: VaultStatistics | None = field(default=None, name="Statistics")


class ProfileRecord(msgspec.Struct, gc=False):
    """`UserProfileConfig`."""

    username: str = field(default="", name="Username")
    account_name: str = field(default="", name="AccountName")
    organization_id: str = field(default="", name="OrganizationID")
    emails: list[str] | None = field(default=None, name="Emails")
    destinations: dict[str, VaultRecord] | None = field(default=None, name="Destinations")
    sources: dict[str, ItemRecord] | None = field(default=None, name="Sources")
    devices: dict[str, DeviceRecord] | None = field(default=None, name="Devices")
    is_suspended: bool = field(default=False, name="IsSuspended")
    policy_id: str = field(default="", name="PolicyID")
    create_time: int = field(default=0, name="CreateTime")  # Unix seconds


decode_profile = msgspec.json.Decoder(ProfileRecord).decode
"""A raw profile as ProfileRecord; raises msgspec.DecodeError."""
