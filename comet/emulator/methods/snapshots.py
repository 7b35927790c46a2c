"""What a connected device tells of its vaults: snapshots, their files, a search in them."""

from typing import Any

from comet.emulator import snapshots
from comet.emulator.auth import USER
from comet.emulator.call import Call, done, method
from comet.emulator.draw import Draw
from comet.emulator.errors import Refusal, bad_request
from comet.emulator.job import DELETE
from comet.emulator.methods.actions import begin, vault_of
from comet.emulator.methods.hypervisors import disk_drives
from comet.emulator.population import GIB, Device
from comet.emulator.search import matches
from comet.emulator.snapshots import Snapshot

Wire = dict[str, Any]
_FOUND_AT_MOST = 2000
_WINDISK = "engine1/windisk"
_VIRTUAL = ("engine1/hyperv", "engine1/vmware", "engine1/proxmox")


@method("AdminDispatcherRequestVaultSnapshots", "UserWebDispatcherRequestVaultSnapshots")
def vault_snapshots(call: Call) -> Wire:
    found = _in_vault(call, call.device(), call.text("Destination"))
    return {**done(), "Snapshots": [snapshots.vault_snapshot(snapshot) for snapshot in found]}


@method("AdminDispatcherRequestStoredObjects", "UserWebDispatcherRequestStoredObjects")
def stored_objects(call: Call) -> Wire:
    device = _device_that_names_files(call)
    snapshot = _snapshot(call, device, call.text("Destination"), call.text("SnapshotID"))
    return {**done(), "StoredObjects": snapshots.stored_objects(snapshot, call.text("TreeID"))}


@method("AdminDispatcherRequestFilesystemObjects", "UserWebRequestFilesystemObjects")
def filesystem_objects(call: Call) -> Wire:
    """One level of the device's own disks. The drives if no path is given."""
    device, path = _device_that_names_files(call), call.text("Path")
    windows = device.platform[0] == "windows"
    now, kinds = call.server.clock.seconds(), ("windir", "winfile") if windows else ("dir", "file")
    separator = "\\" if windows else "/"
    if not path:
        roots = ("C:\\", "D:\\") if windows else ("/",)
        objects = [_live_object(root, root, kinds[0], now, 0) for root in roots]
        return {**done(), "StoredObjects": objects}
    parts = tuple(part for part in path.split(separator) if part)
    entries = snapshots.folder(device.device_id, parts, now)
    base = path if path.endswith(separator) else path + separator
    objects = [
        _live_object(
            entry.path[-1], base + entry.path[-1], kinds[not entry.is_folder], entry.modified_at, entry.size
        )
        for entry in entries
    ]
    return {**done(), "StoredObjects": objects}


@method("AdminDispatcherSearchSnapshots", "UserWebDispatcherSearchSnapshots")
def search_snapshots(call: Call) -> Wire:
    """Files by snapshot. The clause's fields are those of SearchResultFileInfo, with or without a prefix."""
    device, clause = _device_that_names_files(call), call.document("Filter")
    found: dict[str, list[Wire]] = {}
    for guid in call.document("SnapshotIDs"):
        snapshot = _snapshot(call, device, call.text("DestinationID"), guid)
        results = (snapshots.search_result(snapshot, entry) for entry in snapshots.walk(snapshot))
        found[guid] = [result for result in results if matches(clause, result)][:_FOUND_AT_MOST]
    return {**done(), "SnapshotFiles": found}


@method("AdminDispatcherRequestWindiskSnapshot", "UserWebDispatcherRequestWindiskSnapshot")
def windisk_snapshot(call: Call) -> Wire:
    device = call.device()
    snapshot = _snapshot(call, device, call.text("Destination"), call.text("SnapshotID"))
    if snapshot.engine != _WINDISK:
        raise bad_request("The snapshot is not a disk image")
    return {**done(), "WindiskSnapshot": disk_drives(device)}


@method("AdminDispatcherBrowseVirtualMachines", "UserWebDispatcherBrowseVirtualMachines")
def browse_virtual_machines(call: Call) -> Wire:
    device = call.device()
    snapshot = _snapshot(call, device, call.text("DestinationID"), call.text("SnapshotID"))
    if snapshot.engine not in _VIRTUAL:
        raise bad_request("The snapshot holds no virtual machines")
    names = [entry.path[-1] for entry in snapshots.walk(snapshot)]
    return {**done(), "VMs": [_machine(device, name) for name in names]}


@method("AdminDispatcherEmailPreview", "UserDispatcherEmailPreview")
def email_preview(call: Call) -> Wire:
    device, path = call.device(), call.text("Path")
    _snapshot(call, device, call.text("Destination"), call.text("Snapshot"))
    draw = Draw("mail", device.device_id, path)
    number = draw.between(1000, 9999)
    return {
        **done(),
        "From": f"orders@{device.username}.example",
        "To": [f"office@{device.username}.example"],
        "EmailSubject": f"Order {number}",
        "EmailBodyHTML": f"<p>Please find order {number} attached.</p>",
        "EmailBodyPlaintext": f"Please find order {number} attached.\n",
    }


@method(
    "AdminDispatcherDeleteSnapshot",
    "AdminDispatcherDeleteSnapshots",
    "UserWebDispatcherDeleteSnapshot",
    "UserWebDispatcherDeleteSnapshots",
)
def delete_snapshots(call: Call) -> Wire:
    """The device deletes them in a job of its own; they are gone from the list at once."""
    device = call.device()
    vault = vault_of(call, device, call.text("DestinationID"))
    guids = call.document("SnapshotIDs") or [call.text("SnapshotID")]
    profile = call.server.profiles.stored(device.username) or {}
    if call.caller.kind == USER and profile["Policy"]["PreventDeleteSingleSnapshots"]:
        raise Refusal(403, "The policy of this account does not allow deleting snapshots")
    for guid in guids:
        _snapshot(call, device, vault.guid, guid)
    call.server.snapshots.delete(guids)
    begin(call, device, DELETE, vault=vault)
    return done()


def _in_vault(call: Call, device: Device, destination: str) -> list[Snapshot]:
    vault = vault_of(call, device, destination)
    return call.server.snapshots.in_vault(device.username, vault.guid, call.server.clock.now())


def _snapshot(call: Call, device: Device, destination: str, guid: str) -> Snapshot:
    vault = vault_of(call, device, destination)
    return call.server.snapshots.find(device.username, vault.guid, guid, call.server.clock.now())


def _device_that_names_files(call: Call) -> Device:
    device = call.device()
    if not device.allows_filenames and call.caller.kind != USER:
        raise Refusal(403, "The device does not allow its file names to be seen")
    return device


def _live_object(name: str, path: str, kind: str, moment: int, size: int) -> Wire:
    shown = {"name": name, "mtime": moment, "type": kind, "subtree": "", "size": size}
    return {**shown, "subtree": path} if kind.endswith("dir") else shown


def _machine(device: Device, name: str) -> Wire:
    """VMInfo."""
    draw = Draw("machine", device.device_id, name)
    disk = {"Path": f"{name}.vhdx", "Size": draw.between(40, 400) * GIB, "Controller": 0, "DeviceNum": 0}
    return {
        "ID": draw.guid(),
        "Name": name,
        "CPUCores": draw.pick((2, 4, 8)),
        "RamBytes": draw.pick((4, 8, 16)) * GIB,
        "FirmwareType": draw.pick(("bios", "uefi")),
        "ConfigPath": f"{name}.vmcx",
        "Disks": [disk],
    }
