"""Actions on devices that are connected right now."""

from typing import Any

from comet.emulator import profiles
from comet.emulator.call import Call, method
from comet.emulator.errors import bad_request
from comet.emulator.job import SKIPPED
from comet.emulator.population import GIB, Device, Item, Vault
from comet.emulator.server import LiveConnection

Wire = dict[str, Any]
_TELLS_JOB_ID_SINCE = (25, 9, 6)


@method("AdminDispatcherListActive")
def list_active(call: Call) -> dict[str, Wire]:
    """Connection GUID -> LiveUserConnection, narrowed to one user if UserNameFilter is given."""
    wanted = call.text("UserNameFilter")
    return {
        live.turn.guid: _connection(live)
        for live in call.server.live_connections()
        if wanted in ("", live.device.username) and call.may_see_user(live.device.username)
    }


@method("AdminDispatcherRunBackup")
def run_backup(call: Call) -> Wire:
    """Runs a backup rule of the device's user now."""
    device = _device(call)
    profile = call.server.profiles.stored(device.username) or {}
    rule = profile["BackupRules"].get(call.text("BackupRule"))
    if rule is None:
        raise bad_request("Backup rule not found")
    options = {"SkipAlreadyRunning": rule["SkipAlreadyRunning"]}
    return _start(call, device, rule["Source"], rule["Destination"], options, call.text("BackupRule"))


@method("AdminDispatcherRunBackupCustom")
def run_backup_custom(call: Call) -> Wire:
    """Runs a backup of one Protected Item into one Storage Vault now."""
    device = _device(call)
    options = call.document("Options") if call.text("Options") else {}
    return _start(call, device, call.text("Source"), call.text("Destination"), options, "")


def _start(call: Call, device: Device, source: str, destination: str, options: Wire, rule: str) -> Wire:
    item = _item(call, device, source, rule)
    vault = _vault(call, device, destination)
    skipped = options.get("SkipAlreadyRunning") and _is_running(call, device, source, destination)
    job = call.server.jobs.started.start(
        device=device,
        item=item,
        vault=vault,
        by_schedule=bool(rule),
        seconds=0 if skipped else None,
        status=SKIPPED if skipped else None,
    )
    call.life.announce(job)
    answer: Wire = {"Status": 200, "Message": "OK"}
    if _version(device.version) >= _TELLS_JOB_ID_SINCE:
        answer["JobID"] = job.guid
    return answer


def _device(call: Call) -> Device:
    return call.server.connection(call.text("TargetID"), call.caller.sees).device


def _item(call: Call, device: Device, source: str, rule: str) -> Item:
    """The Protected Item: a seeded one, or one that an API write added to the profile."""
    config = (call.server.profiles.stored(device.username) or {})["Sources"].get(source)
    if config is None or config["OwnerDevice"] not in ("", device.device_id):
        raise bad_request("Protected Item not found on this device")
    for item in device.items:
        if item.guid == source:
            return item
    return Item(source, rule, config["Engine"], config["Description"], 0, 4 * GIB, ())


def _vault(call: Call, device: Device, destination: str) -> Vault:
    config = (call.server.profiles.stored(device.username) or {})["Destinations"].get(destination)
    if config is None:
        raise bad_request("Storage Vault not found")
    user = call.server.profiles.user(device.username)
    for vault in user.vaults if user else ():
        if vault.guid == destination:
            return vault
    made_at = config["CreateTime"]
    return Vault(destination, config["Description"], config["DestinationType"], GIB, GIB >> 4, made_at)


def _is_running(call: Call, device: Device, source: str, destination: str) -> bool:
    return any(
        job.device is device
        and job.item
        and job.vault
        and (job.item.guid, job.vault.guid) == (source, destination)
        for job in call.server.jobs.unfinished()
    )


def _connection(live: LiveConnection) -> Wire:
    device = live.device
    return {
        "Username": device.username,
        "DeviceID": device.device_id,
        "ReportedVersion": device.version,
        "ReportedPlatform": device.platform_name,
        "ReportedPlatformVersion": profiles.os_info(device),
        "DeviceTimeZone": device.timezone,
        "IPAddress": device.address,
        "ConnectionTime": live.turn.begins_at,
        "AllowsFilenames": device.allows_filenames,
    }


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdigit())
