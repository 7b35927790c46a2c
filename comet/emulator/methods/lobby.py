"""Devices on which the client is installed and nobody has signed in yet."""

import time
from typing import Any

from comet.emulator import events, passwords, profiles
from comet.emulator.call import Call, done, method
from comet.emulator.errors import bad_request, unauthorised
from comet.emulator.population import Device

Wire = dict[str, Any]


@method("AdminInstallationListActive")
def installation_list_active(call: Call) -> dict[str, Wire]:
    """Device ID -> RegistrationLobbyConnection. Devices of no organization wait at the top level."""
    if call.caller.organization_id:
        return {}
    waiting = ((device, call.server.presence.turn_of(device)) for device in call.server.fleet.lobby())
    return {device.device_id: _shown(device, turn.begins_at, call.host) for device, turn in waiting if turn}


@method("AdminInstallationDispatchDropConnection")
def installation_drop(call: Call) -> Wire:
    call.life.drop(_waiting(call))
    return done()


@method("AdminInstallationDispatchRegisterDevice")
def installation_register(call: Call) -> str:
    """Signs the device in as that user: it leaves the lobby and is one of his from then on."""
    device, username = _waiting(call), call.target_user()
    profile = call.server.profiles.stored(username) or {}
    if not passwords.verify_password(call.text("TargetPassword"), profile["PasswordHash"]):
        raise unauthorised()
    code_wanted = profile["AllowPasswordAndTOTPLogin"] and not profile["AllowPasswordLogin"]
    if code_wanted and not passwords.verify_totp(
        profile["TOTPKey"], call.text("TargetTOTPCode"), time.time()
    ):
        raise unauthorised()
    if 0 < profile["MaximumDevices"] <= len(profile["Devices"]):
        raise bad_request("The account has as many devices as it may have")
    call.emit(events.LOBBY_DISCONNECT, organization_id="", resource_id=device.device_id)
    registered = call.server.fleet.register(device.device_id, username)
    registered.registered_at = call.server.clock.seconds()
    config = profiles.device_config(registered)
    book = call.server.profiles
    whole = {**profile, "Devices": {**profile["Devices"], device.device_id: config}}
    now = call.server.clock.seconds()
    book.write(username, call.server.policy_items.for_new_device(whole, device.device_id, now))
    owner = book.organization_of(username)
    call.emit(events.DEVICE_NEW, organization_id=owner, resource_id=device.device_id, data=config)
    call.tell_user(events.USER_UPDATED, username)
    call.life.meet(registered)
    return "OK"


def _waiting(call: Call) -> Device:
    for device in call.server.fleet.lobby():
        if device.device_id == call.text("DeviceID") and not call.caller.organization_id:
            return device
    raise unauthorised()


def _shown(device: Device, since: int, host: str) -> Wire:
    return {
        "DeviceID": device.device_id,
        "OrganizationID": "",
        "FriendlyName": device.name,
        "ReportedVersion": device.version,
        "ReportedPlatform": device.platform_name,
        "ReportedPlatformVersion": profiles.os_info(device),
        "DeviceTimeZone": device.timezone,
        "IPAddress": device.address,
        "Host": host,
        "ConnectionTime": since,
    }
