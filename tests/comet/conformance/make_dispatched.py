"""How the parameters are made of methods that tell a device something."""

import json
from typing import Any

from tests.comet.conformance.world import (
    METHODS,
    Wire,
    World,
    document,
    given,
)
from tests.emulator_process import USER_PASSWORD

DATA = ("engine1/file",)
CREDENTIALS = {
    "Mongodb": document("MongoDBConnection", Server="db.example"),
    "Mssql": document("MSSQLConnection", Hostname="localhost"),
    "Mysql": document("MySQLConnection", Host="localhost"),
    "Proxmox": json.dumps({"SSH": {"SSHServer": "pve.example"}}),
    "ProxmoxNodes": document("SSHConnection", SSHServer="pve.example"),
    "ProxmoxStorage": document("SSHConnection", SSHServer="pve.example"),
    "Vmware": json.dumps({"VSphere": {"Hostname": "vc.example"}}),
    "Office": document("Office365Credential", AppID="app"),
}
FILES = json.dumps({"ClauseType": "", "RuleField": "name", "RuleOperator": "str_contains", "RuleValue": "0"})


def both(name: str) -> tuple[str, ...]:
    """A dispatcher method of an admin, with its twin for an end user where there is one."""
    twins = (f"AdminDispatcher{name}", f"UserWebDispatcher{name}", f"UserWeb{name}", f"UserDispatcher{name}")
    return tuple(twin for twin in twins if twin in METHODS)


def as_owner(world: World, name: str, username: str) -> Wire:
    return {**world.as_user(username, USER_PASSWORD)} if name.startswith("User") else {}


def dispatcher(name: str, *engines: str, **fields: Any) -> None:
    """Register a method about a target. Fields that are callables are given the target."""
    for method in both(name):

        @given(method)
        def make(world: World, method: str = method) -> Wire:
            target = world.target(*engines, top_level=method.startswith("User"))
            made = {key: value(target) if callable(value) else value for key, value in fields.items()}
            return {"TargetID": target.connection, **made, **as_owner(world, method, target.username)}


def vault(target: Any) -> str:
    return target.vault


def first_snapshot(target: Any) -> str:
    return target.snapshots[0]


def last_snapshot(target: Any) -> str:
    return target.snapshots[-1]


for _name, _kind in {
    "RequestBrowseMongodb": "Mongodb",
    "RequestBrowseMssql": "Mssql",
    "RequestBrowseMysql": "Mysql",
    "RequestBrowseProxmox": "Proxmox",
    "RequestBrowseProxmoxNodes": "ProxmoxNodes",
    "RequestBrowseVmware": "Vmware",
    "RequestBrowseVmwareDatacenters": "Vmware",
    "RequestOffice365Accounts": "Office",
    "RequestOffice365Sites": "Office",
    "Office365ListVirtualAccounts": "Office",
}.items():
    dispatcher(_name, Credentials=CREDENTIALS[_kind])
for _name in ("Datastores", "Hosts", "Networks"):
    dispatcher(f"RequestBrowseVmware{_name}", Credentials=CREDENTIALS["Vmware"], Filter="Main site")
dispatcher("RequestBrowseProxmoxStorage", Credentials=CREDENTIALS["ProxmoxStorage"], Node="pve1")
for _name in (
    "RequestBrowseDiskDrives",
    "RequestBrowseExchangeEdb",
    "RequestBrowseHyperv",
    "RequestBrowseVssAaw",
    "RequestImportSources",
    "RefetchProfile",
):
    dispatcher(_name)
for _name in (
    "ApplyRetentionRules",
    "DeepverifyStorageVault",
    "ReindexStorageVault",
    "RequestVaultSnapshots",
):
    dispatcher(_name, Destination=vault)
dispatcher("Unlock", Destination=vault, AllowUnsafe="true")
dispatcher("RequestStoredObjects", *DATA, Destination=vault, SnapshotID=first_snapshot)
dispatcher("RequestFilesystemObjects", Path="C:\\")
dispatcher(
    "SearchSnapshots",
    *DATA,
    DestinationID=vault,
    SnapshotIDs=lambda target: json.dumps(target.snapshots[:1]),
    Filter=FILES,
)
dispatcher("RequestWindiskSnapshot", "engine1/windisk", Destination=vault, SnapshotID=first_snapshot)
dispatcher("BrowseVirtualMachines", "engine1/hyperv", DestinationID=vault, SnapshotID=first_snapshot)
dispatcher("EmailPreview", Snapshot=first_snapshot, Destination=vault, Path="inbox/1")
dispatcher("DeleteSnapshot", *DATA, DestinationID=vault, SnapshotID=last_snapshot)
dispatcher(
    "DeleteSnapshots",
    *DATA,
    DestinationID=vault,
    SnapshotIDs=lambda target: json.dumps(target.snapshots[-2:]),
)
dispatcher("ImportApply", ImportSourceID="file-history")
dispatcher("PingDestination", ExtraData=document("DestinationLocation", DestinationType=1002))
dispatcher("RunBackup", BackupRule=lambda target: target.rule)
dispatcher("RunBackupCustom", Source=lambda target: target.source, Destination=vault)
dispatcher("RunRestore", *DATA, Path="C:\\Restored", Source=lambda target: target.source, Destination=vault)
dispatcher(
    "RunRestoreCustom",
    *DATA,
    Source=lambda target: target.source,
    Destination=vault,
    Options=document("RestoreJobAdvancedOptions", DestPath="C:\\Restored"),
    Snapshot=first_snapshot,
    KnownFileCount=3,
)
dispatcher("TestSmbAuth", Wsa=document("WinSMBAuth", SharePath="\\\\nas\\share"))
dispatcher("UpdateLoginPassword", NewPassword="another-password")
dispatcher("UpdateSoftware")
dispatcher("RegisterOfficeApplicationBegin", EmailAddress="it@company.example")


def office_check(world: World) -> Wire:
    target = world.target(top_level=True)
    begun = world.call(
        "admin/dispatcher/register-office-application/begin",
        TargetID=target.connection,
        EmailAddress="it@company.example",
    )
    return {"TargetID": target.connection, "Continuation": begun["Continuation"]}


given("AdminDispatcherRegisterOfficeApplicationCheck")(office_check)


@given("UserWebDispatcherRegisterOfficeApplicationCheck")
def own_office_check(world: World) -> Wire:
    made = office_check(world)
    live = world.call("admin/dispatcher/list-active")[made["TargetID"]]
    return {**made, **world.as_user(live["Username"], USER_PASSWORD)}


@given("AdminDispatcherDropConnection", "AdminDispatcherKillProcess", "AdminDispatcherForceLogin")
def spare_target(world: World) -> Wire:
    return {"TargetID": world.spare()}


@given("UserWebDispatcherDropConnection")
def own_connection(world: World) -> Wire:
    target = world.target(top_level=True)
    world._spare.remove(target.connection)
    return {"TargetID": target.connection, **world.as_user(target.username, USER_PASSWORD)}


@given("AdminDispatcherUninstallSoftware")
def uninstall(world: World) -> Wire:
    return {"TargetID": world.spare(), "RemoveConfigFile": 1}


@given("AdminDispatcherUpdateLoginUrl")
def login_url(world: World) -> Wire:
    return {"TargetID": world.spare(), "NewURL": "https://other.example/", "Force": "false"}


@given("AdminDispatcherGetDefaultLoginUrl", "AdminOrganizationDelete")
def an_organization(world: World) -> Wire:
    return {"OrganizationID": world.organization()}


@given("AdminOrganizationSet")
def set_organization(world: World) -> Wire:
    return {"Organization": document("Organization", Name="Set", Hosts=[world.name("set") + ".localhost"])}


@given("AdminOrganizationExport")
def export(world: World) -> Wire:
    location = {"DestinationType": 1002, "LocalcopyPath": "/tmp"}
    return {"Options": json.dumps({"Location": location, "RestrictToSingleOrgID": world.organization()})}


@given("AdminDispatcherListActive")
def name_filter(world: World) -> Wire:
    return {"UserNameFilter": world.target().username}
