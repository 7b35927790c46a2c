"""Devices that are connected right now."""

from typing import Any

from comet.emulator import profiles
from comet.emulator.call import Call, method
from comet.emulator.population import Device

Wire = dict[str, Any]


@method("AdminDispatcherListActive", "UserWebDispatcherListActive")
def list_active(call: Call) -> dict[str, Wire]:
    """Connection GUID -> LiveUserConnection, narrowed to one user if UserNameFilter is given."""
    wanted = call.text("UserNameFilter")
    return {
        live.turn.guid: connection_shown(live.device, live.turn.begins_at)
        for live in call.server.live_connections()
        if wanted in ("", live.device.username) and call.may_see_user(live.device.username)
    }


def connection_shown(device: Device, since: int) -> Wire:
    """LiveUserConnection."""
    return {
        "Username": device.username,
        "DeviceID": device.device_id,
        "ReportedVersion": device.version,
        "ReportedPlatform": device.platform_name,
        "ReportedPlatformVersion": profiles.os_info(device),
        "DeviceTimeZone": device.timezone,
        "IPAddress": device.address,
        "ConnectionTime": since,
        "AllowsFilenames": device.allows_filenames,
    }
