"""The columns of the CSV files of this room."""

from typing import Any, Final

from portal.fleet.models import Device, UserProfile

DEVICE_HEADER: Final = (
    "State",
    "Device",
    "User",
    "Account",
    "Server",
    "Tenant",
    "Online",
    "Last job (UTC)",
    "Last success (UTC)",
    "Protected items",
    "Platform",
    "Client version",
)
USER_HEADER: Final = (
    "User",
    "Account",
    "E-mail",
    "Server",
    "Tenant",
    "Suspended",
    "Devices",
    "Protected items",
    "Vault size (bytes)",
    "As of (UTC)",
)


def device_cells(device: Device) -> list[Any]:
    return [
        device.state,
        device.name,
        device.profile.username,
        device.profile.account_name,
        device.server.name,
        device.placement.tenant.name,
        "yes" if device.is_online else "no",
        device.last_job_at,
        device.last_success_at,
        device.item_count,
        device.platform,
        device.client_version,
    ]


def user_cells(profile: UserProfile) -> list[Any]:
    return [
        profile.username,
        profile.account_name,
        profile.email,
        profile.server.name,
        profile.placement.tenant.name,
        "yes" if profile.is_suspended else "no",
        profile.device_count,
        profile.item_count,
        profile.vault_size_bytes,
        profile.synced_at,
    ]
