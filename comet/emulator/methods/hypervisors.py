"""What a connected device sees around it: disks, databases, hypervisors.

All of it is invented, and the same each time: drawn from the device's ID.
"""

from typing import Any

from comet.emulator.call import Call, done, method
from comet.emulator.draw import Draw
from comet.emulator.errors import bad_request
from comet.emulator.population import GIB, Device

Wire = dict[str, Any]
_MACHINES = ("APP-01", "DC-02", "FILE-03", "MAIL-05", "WEB-04")
_NODES = ("pve1", "pve2")
_DATABASES = ("crm", "erp_live", "orders", "payroll", "shop")
_WRITERS = ("System Writer", "Registry Writer", "WMI Writer", "SqlServerWriter")


@method("AdminDispatcherRequestBrowseDiskDrives", "UserWebDispatcherRequestBrowseDiskDrives")
def browse_disk_drives(call: Call) -> Wire:
    return {**done(), "Disks": disk_drives(_windows(call))}


@method("AdminDispatcherRequestBrowseExchangeEdb", "UserWebDispatcherRequestBrowseExchangeEdb")
def browse_exchange_edb(call: Call) -> Wire:
    device = _windows(call)
    draw = Draw("edb", device.device_id)
    names = [f"Mailbox Database {draw.between(1000, 9999)}" for _ in range(2)]
    return {
        **done(),
        "Databases": [
            {"Name": name, "Guid": draw.guid(), "ServerName": device.name, "CircularLoggingEnabled": False}
            for name in names
        ],
    }


@method("AdminDispatcherRequestBrowseHyperv", "UserWebDispatcherRequestBrowseHyperv")
def browse_hyperv(call: Call) -> Wire:
    return {**done(), "VirtualMachines": [_hyperv_machine(_windows(call), name) for name in _MACHINES]}


@method(
    "AdminDispatcherRequestBrowseMongodb",
    "AdminDispatcherRequestBrowseMssql",
    "AdminDispatcherRequestBrowseMysql",
    "UserWebDispatcherRequestBrowseMongodb",
    "UserWebDispatcherRequestBrowseMssql",
    "UserWebDispatcherRequestBrowseMysql",
)
def browse_databases(call: Call) -> Wire:
    device, given = call.device(), call.document("Credentials")
    if not any(given.get(name) for name in ("Hostname", "InstanceName", "Host", "Server", "Type")):
        raise bad_request("The database server was not found")
    names = Draw("databases", device.device_id).shuffled(_DATABASES)[:4]
    return {**done(), "Objects": {name: name for name in names}}


@method("AdminDispatcherRequestBrowseVssAaw", "UserWebDispatcherRequestBrowseVssAaw")
def browse_vss_aaw(call: Call) -> Wire:
    device = _windows(call)
    return {**done(), "VSSWriters": {Draw("vss", device.device_id, n).guid(): _writer(n) for n in _WRITERS}}


@method("AdminDispatcherRequestBrowseProxmox", "UserWebDispatcherRequestBrowseProxmox")
def browse_proxmox(call: Call) -> Wire:
    device = _with_ssh(call, call.document("Credentials")["SSH"])
    return {**done(), "VMs": [_proxmox_machine(device, number) for number in range(len(_MACHINES))]}


@method("AdminDispatcherRequestBrowseProxmoxNodes", "UserWebDispatcherRequestBrowseProxmoxNodes")
def browse_proxmox_nodes(call: Call) -> Wire:
    _with_ssh(call, call.document("Credentials"))
    return {**done(), "Nodes": list(_NODES)}


@method("AdminDispatcherRequestBrowseProxmoxStorage", "UserWebDispatcherRequestBrowseProxmoxStorage")
def browse_proxmox_storage(call: Call) -> Wire:
    _with_ssh(call, call.document("Credentials"))
    if call.text("Node") not in _NODES:
        raise bad_request("Node not found")
    storage = [
        {"Name": "local", "Type": "dir", "Content": ["iso", "vztmpl"]},
        {"Name": "local-zfs", "Type": "zfspool", "Content": ["images", "rootdir"]},
    ]
    return {**done(), "Storage": storage}


@method("AdminDispatcherRequestBrowseVmware", "UserWebDispatcherRequestBrowseVmware")
def browse_vmware(call: Call) -> Wire:
    return {**done(), "VirtualMachines": _vsphere(call, _MACHINES)}


@method("AdminDispatcherRequestBrowseVmwareDatacenters", "UserWebDispatcherRequestBrowseVmwareDatacenters")
def browse_vmware_datacenters(call: Call) -> Wire:
    return {**done(), "Datacenters": _vsphere(call, ("Main site", "Second site"))}


@method("AdminDispatcherRequestBrowseVmwareDatastores", "UserWebDispatcherRequestBrowseVmwareDatastores")
def browse_vmware_datastores(call: Call) -> Wire:
    return {**done(), "Datastores": _vsphere(call, ("nvme-01", "san-02"))}


@method("AdminDispatcherRequestBrowseVmwareHosts", "UserWebDispatcherRequestBrowseVmwareHosts")
def browse_vmware_hosts(call: Call) -> Wire:
    return {**done(), "Hosts": _vsphere(call, ("esx1.example", "esx2.example"))}


@method("AdminDispatcherRequestBrowseVmwareNetworks", "UserWebDispatcherRequestBrowseVmwareNetworks")
def browse_vmware_networks(call: Call) -> Wire:
    return {**done(), "Networks": _vsphere(call, ("VM Network", "Storage"))}


def disk_drives(device: Device) -> list[Wire]:
    """DiskDrive list of a device."""
    draw = Draw("disk", device.device_id)
    size = draw.pick((256, 512, 1024)) * GIB
    return [
        {
            "ID": "\\\\.\\PHYSICALDRIVE0",
            "DeviceName": "\\\\.\\PHYSICALDRIVE0",
            "Caption": "Disk 0",
            "Model": draw.pick(("NVMe 512", "SATA SSD", "Virtual disk")),
            "SerialNumber": draw.hex(12).upper(),
            "Size": size,
            "Partitions": [
                _partition(draw, 1, 1 << 20, GIB >> 1, ""),
                _partition(draw, 2, GIB >> 1, size - GIB, "C:\\"),
            ],
            "DeviceParents": [],
            "Flags": 0,
            "Cylinders": size // 512 // 63 // 255,
            "Heads": 255,
            "Sectors": 63,
            "SectorSize": 512,
            "PartitionConflicts": [],
        }
    ]


def _partition(draw: Draw, number: int, offset: int, size: int, mounted: str) -> Wire:
    return {
        "DeviceName": f"\\\\.\\HarddiskVolume{number}",
        "PartitionGuid": draw.guid(),
        "PartitionOffset": offset,
        "Filesystem": "NTFS" if mounted else "FAT32",
        "VolumeName": "System" if mounted else "EFI",
        "VolumeGuid": draw.guid(),
        "VolumeSerial": draw.hex(8).upper(),
        "MountPoints": [mounted] if mounted else [],
        "ReadOffset": 0,
        "Size": size,
        "UsedSize": size // 3,
        "Flags": 0,
        "BytesPerFilesystemCluster": 4096,
    }


def _hyperv_machine(device: Device, name: str) -> Wire:
    draw = Draw("hyperv", device.device_id, name)
    return {
        "ID": draw.guid(),
        "Name": name,
        "MemoryLimitMB": draw.pick((4096, 8192, 16384)),
        "CPUCores": draw.pick((2, 4, 8)),
        "HardDrives": [f"D:\\Virtual Machines\\{name}\\{name}.vhdx"],
        "Generation": 2,
        "ConfigFilePath": f"D:\\Virtual Machines\\{name}\\{name}.vmcx",
    }


def _proxmox_machine(device: Device, number: int) -> Wire:
    draw, name = Draw("proxmox", device.device_id, number), _MACHINES[number]
    disk = {
        "Device": "scsi0", "DeviceNum": 0, "StorageID": "local-zfs", "Volume": f"vm-{100 + number}-disk-0",
        "Size": draw.between(20, 200) * GIB, "Format": "raw",
    }  # fmt: skip
    return {
        "CPU": str(draw.pick((2, 4, 8))),
        "Disks": [disk],
        "Memory": str(draw.pick((2048, 4096, 8192))),
        "Name": name.lower(),
        "Node": _NODES[number % len(_NODES)],
        "OSType": "l26",
        "Running": draw.chance(0.8),
        "Type": "lxc" if number == 0 else "qemu",
        "VMID": str(100 + number),
    }


def _writer(name: str) -> Wire:
    component = {"Path": "", "Name": name.split()[0], "CType": "VSS_CT_FILEGROUP", "Selectable": True}
    return {"DisplayName": name, "Components": [component]}


def _vsphere(call: Call, names: tuple[str, ...]) -> list[Wire]:
    """Those names, if the connection names a host."""
    call.device()
    connection = call.document("Credentials")
    if not (connection["VSphere"]["Hostname"] or connection["SSH"]["SSHServer"]):
        raise bad_request("The vSphere host was not found")
    return [{"Name": name} for name in names]


def _windows(call: Call) -> Device:
    device = call.device()
    if device.platform[0] != "windows":
        raise bad_request("The device does not run Windows")
    return device


def _with_ssh(call: Call, connection: Wire) -> Device:
    if not connection["SSHServer"]:
        raise bad_request("The SSH server was not found")
    return call.device()
