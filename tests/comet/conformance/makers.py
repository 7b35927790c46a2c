"""How the parameters of each method are made."""

import json
from typing import Any

from tests.comet.conformance.authenticator import Authenticator, Token
from tests.comet.conformance.world import (
    METHODS,
    USER_PASSWORD,
    Wire,
    World,
    document,
    given,
    secret_of,
    totp,
)

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
RULE = json.dumps(
    {"ClauseType": "", "RuleField": "BackupJobDetail.Status", "RuleOperator": "int_gte", "RuleValue": "5000"}
)
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


for _name in ("GetJobLog", "GetJobLogEntries", "GetJobProperties"):
    for _kind in ("Admin", "UserWeb"):

        @given(_kind + _name)
        def a_job(world: World, user: bool = _kind == "UserWeb") -> Wire:
            target = world.target(top_level=True)
            job = world.call("admin/get-jobs-for-user", TargetUser=target.username)[0]["GUID"]
            return {"JobID": job, **(world.as_user(target.username, USER_PASSWORD) if user else {})}


@given("AdminJobCancel", "AdminJobAbandon")
def a_running_job(world: World) -> Wire:
    target = world.target()
    return {"TargetUser": target.username, "JobID": world.running_job(target)}


@given("UserWebJobCancel")
def own_running_job(world: World) -> Wire:
    target = world.target(top_level=True)
    return {"JobID": world.running_job(target), **world.as_user(target.username, USER_PASSWORD)}


@given("AdminGetJobsForDateRange")
def a_range(world: World) -> Wire:
    now = int(world.emulator.order("state")["now"])
    return {"Start": now, "End": now - 86_400}


@given("AdminCountJobsForCustomSearch", "AdminGetJobsForCustomSearch")
def a_search(world: World) -> Wire:
    return {"Query": RULE}


def own(world: World) -> Wire:
    return world.as_user(world.target(top_level=True).username, USER_PASSWORD)


@given("UserWebGetJobsForCustomSearch")
def own_search(world: World) -> Wire:
    return {"Query": RULE, **own(world)}


for _name in METHODS:
    if _name.startswith("UserWeb") and not METHODS[_name]["params"] and "Revoke" not in _name:
        given(_name)(own)


@given("UserWebSessionRevoke")
def own_session(world: World) -> Wire:
    return world.session("user/web/session/start", **own(world))


@given(
    "AdminGetJobsForUser",
    "AdminGetUserProfile",
    "AdminGetUserProfileAndHash",
    "AdminGetUserProfileHash",
    "AdminAccountSessionStartAsUser",
)
def a_user(world: World) -> Wire:
    return {"TargetUser": world.target(top_level=True).username}


@given("AdminDisableUserTotp", "AdminDeleteUser")
def a_new_user(world: World) -> Wire:
    return {"TargetUser": world.user()}


@given("AdminAddUser")
def new_user(world: World) -> Wire:
    return {"TargetUser": world.name("new"), "TargetPassword": "new-password", "StoreRecoveryCode": 1}


@given("AdminAddUserFromProfile")
def new_from_profile(world: World) -> Wire:
    name = world.name("new")
    profile = document("UserProfileConfig", Username=name, PasswordHash="plain-password", AccountName="From")
    return {"TargetUser": name, "ProfileData": profile}


@given("AdminSetUserProfile")
def set_profile(world: World) -> Wire:
    name = world.user()
    return {"TargetUser": name, "ProfileData": json.dumps({**world.profile(name), "AccountName": "Set"})}


@given("AdminSetUserProfileHash")
def set_profile_hash(world: World) -> Wire:
    return {**(made := set_profile(world)), "RequireHash": world.hash(made["TargetUser"])}


@given("UserWebSetProfileHash")
def set_own_profile(world: World) -> Wire:
    name = world.user()
    profile = json.dumps({**world.profile(name), "AccountName": "Own"})
    return {"ProfileData": profile, "ProfileHash": world.hash(name), **world.as_user(name)}


@given("AdminResetUserPassword")
def reset_password(world: World) -> Wire:
    return {"TargetUser": world.user(StoreRecoveryCode=1), "NewPassword": "reset-password"}


@given("UserWebAccountResetPassword")
def reset_own_password(world: World) -> Wire:
    name = world.user()
    passwords = {"OldPassword": "made-password", "NewPassword": "reset-password"}
    return {"ProfileHash": world.hash(name), **passwords, **world.as_user(name)}


@given("UserWebAccountRegenerateTotp")
def own_totp(world: World) -> Wire:
    name = world.user()
    return {"ProfileHash": world.hash(name), **world.as_user(name)}


@given("UserWebAccountValidateTotp")
def own_code(world: World) -> Wire:
    credentials = own_totp(world)
    answer = world.call("user/web/account/regenerate-totp", **credentials)
    code = totp(secret_of(answer["URL"]))
    return {**credentials, "ProfileHash": answer["ProfileHash"], "TOTPCode": code}


@given("AdminAccountRegenerateTotp")
def another_admin(world: World) -> Wire:
    return world.admin()


@given("AdminAccountValidateTotp")
def admin_code(world: World) -> Wire:
    credentials = world.admin()
    answer = world.call("admin/account/regenerate-totp", **credentials)
    return {**credentials, "TOTPCode": totp(secret_of(answer["URL"]))}


@given("AdminAccountSetProperties")
def own_security(world: World) -> Wire:
    credentials = world.admin()
    security = world.call("admin/account/properties", **credentials)["Security"]
    return {**credentials, "Security": json.dumps({**security, "IPWhitelist": "^127"})}


@given("AdminAccountSessionStart")
def session_start(world: World) -> Wire:
    return {"SelfAddress": world.emulator.url}


@given("AdminAccountSessionRevoke")
def session_revoke(world: World) -> Wire:
    return world.session()


@given("AdminAccountWebauthnRequestRegistrationChallenge", "AdminAccountU2fRequestRegistrationChallenge")
def key_challenge(world: World) -> Wire:
    return {"SelfAddress": "http://localhost/"}


@given("AdminAccountU2fSubmitChallengeResponse")
def u2f_answer(world: World) -> Wire:
    challenge = world.call(
        "admin/account/u2f/request-registration-challenge", SelfAddress="http://localhost/"
    )
    return Token().register(challenge)


@given("AdminAccountWebauthnSubmitChallengeResponse")
def key_answer(world: World) -> Wire:
    address = "http://localhost/"
    begun = world.call("admin/account/webauthn/request-registration-challenge", SelfAddress=address)
    credential = Authenticator().register(begun["CredentialCreationOptions"], "http://localhost")
    return {"SelfAddress": address, "ChallengeID": begun["ChallengeID"], "Credential": credential}


@given("AdminAccountSessionUpgrade")
def pending_key(world: World) -> Wire:
    """An admin with one-time codes, and the key he was given for his password alone."""
    credentials = world.admin()
    secret = secret_of(world.call("admin/account/regenerate-totp", **credentials)["URL"])
    security = world.call("admin/account/properties", **credentials)["Security"]
    security.update(AllowPasswordLogin=False, AllowPasswordAndTOTPLogin=True)
    world.call("admin/account/set-properties", Security=json.dumps(security), **credentials)
    refused = world.emulator.post("admin/account/session-start", **credentials)
    assert refused.status_code == 449
    return {
        "Username": credentials["Username"],
        "AuthType": "TOTP",
        "TOTP": totp(secret),
        "SessionKey": refused.json()["SessionKey"],
    }


@given("AdminAdminUserNew")
def new_admin(world: World) -> Wire:
    return {"TargetUser": world.name("admin"), "TargetPassword": "another-password"}


@given("AdminAdminUserDelete")
def old_admin(world: World) -> Wire:
    return {"TargetUser": world.admin()["Username"]}


@given("AdminBrandingGenerateClientByPlatform", "AdminBrandingGenerateClientTest")
def a_platform(world: World) -> Wire:
    return {"Platform": next(iter(world.call("admin/branding/available-platforms")))}


for _name in METHODS:
    if [p["name"] for p in METHODS[_name]["params"]] == ["SelfAddress"] and "GenerateClient" in _name:

        @given(_name)
        def an_address(world: World) -> Wire:
            return {"SelfAddress": "https://backup.example/"}


@given("AdminCreateInstallToken")
def install_token(world: World) -> Wire:
    return {"TargetUser": world.user(), "TargetPassword": "made-password"}


@given("AdminBulletinSubmit")
def bulletin(world: World) -> Wire:
    return {"Subject": "Maintenance", "Content": "On Sunday."}


@given("AdminNewsSubmit")
def news(world: World) -> Wire:
    return {"NewsContent": "Something is new"}


@given("AdminNewsRemove")
def old_news(world: World) -> Wire:
    return {"NewsItem": world.news()}


@given("AdminGetProtectedItemWithBackupRules", "AdminDeleteProtectedItem")
def an_item(world: World) -> Wire:
    name = world.user()
    return {"TargetUser": name, "SourceID": world.source(name)}


@given("AdminSetProtectedItemWithBackupRules")
def set_item(world: World) -> Wire:
    rules = {"rule": json.loads(document("BackupRuleConfig", Description="Nightly"))}
    source = document("SourceConfig", Engine="engine1/file", Description="Set")
    return {"TargetUser": world.user(), "SourceID": "own", "Source": source, "BackupRules": json.dumps(rules)}


@given("UserWebGetProtectedItemWithBackupRules", "UserWebDeleteProtectedItem")
def own_item(world: World) -> Wire:
    name = world.user()
    return {"SourceID": world.source(name), **world.as_user(name)}


@given("UserWebSetProtectedItemWithBackupRules")
def set_own_item(world: World) -> Wire:
    source = document("SourceConfig", Engine="engine1/file", Description="Set")
    return {"SourceID": "own", "Source": source, **world.as_user(world.user())}


@given("AdminInstallationDispatchDropConnection")
def lobby_device(world: World) -> Wire:
    return {"DeviceID": list(world.call("admin/installation/list-active"))[-1]}


@given("AdminInstallationDispatchRegisterDevice")
def register_device(world: World) -> Wire:
    device = next(iter(world.call("admin/installation/list-active")))
    fields = {"TargetPassword": "made-password", "TargetTOTPCode": ""}
    return {"DeviceID": device, "TargetUser": world.user(), **fields}


@given("AdminRevokeDevice")
def revoke(world: World) -> Wire:
    connection = world.spare()
    live = world.call("admin/dispatcher/list-active")[connection]
    return {"TargetUser": live["Username"], "TargetDevice": live["DeviceID"]}


def _same(read: str, parameter: str, part: str = "") -> Any:
    """Write back what is read."""

    def make(world: World) -> Wire:
        answer = world.call(read)
        return {parameter: json.dumps(answer[part] if part else answer)}

    return make


given("AdminMetaBrandingConfigSet")(_same("admin/meta/branding-config/get", "BrandingConfig", "Branding"))
given("AdminMetaBuildConfigSet")(
    _same("admin/meta/build-config/get", "SoftwareBuildRoleConfig", "SoftwareBuildRole")
)
given("AdminMetaConstellationConfigSet")(
    _same("admin/meta/constellation/config/get", "ConstellationRoleOptions")
)
given("AdminMetaEmailOptionsSet")(_same("admin/meta/email-options/get", "EmailOptions"))
given("AdminMetaServerConfigSet")(_same("admin/meta/server-config/get", "Config"))
given("AdminMetaWebhookOptionsSet")(_same("admin/meta/webhook-options/get", "WebhookOptions"))
given("AdminExternalAuthSourcesSet")(_same("admin/external-auth-sources/get", "Sources"))


@given("AdminMetaPsaConfigListSet")
def psa(world: World) -> Wire:
    config = json.loads(document("PSAConfig", URL="https://psa.example/"))
    return {"PSAConfigList": json.dumps([config])}


@given("AdminMetaPsaConfigListSyncNow")
def psa_sync(world: World) -> Wire:
    world.call("admin/meta/psa-config-list/set", **psa(world))
    return {}


@given("AdminMetaRemoteStorageVaultSet")
def templates(world: World) -> Wire:
    new = json.loads(document("RemoteStorageOption", Type="s3", Description="Second"))
    return {"RemoteStorageOptions": json.dumps([*world.templates()[:1], new])}


@given("AdminMetaRemoteStorageVaultTest")
def template(world: World) -> Wire:
    return {"TemplateOptions": json.dumps(world.templates()[0])}


@given("AdminConvertStorageRole")
def s3_vault(world: World) -> Wire:
    world.call("admin/meta/remote-storage-vault/set", **templates(world))
    name, chosen = world.user(), world.templates()[-1]["ID"]
    made = world.call("admin/request-storage-vault", TargetUser=name, StorageProvider=chosen)
    return {"TargetUser": name, "DestinationId": made["DestinationID"]}


@given("AdminRequestStorageVault")
def a_vault(world: World) -> Wire:
    return {"TargetUser": world.user(), "StorageProvider": world.templates()[0]["ID"]}


@given("UserWebRequestStorageVault")
def own_vault(world: World) -> Wire:
    name = world.user()
    return {"StorageProvider": world.templates()[0]["ID"], **world.as_user(name)}


@given("AdminMetaResourceGet")
def resource(world: World) -> Wire:
    return {"Hash": upload(world, b"a logo").json()["ResourceHash"]}


def upload(world: World, content: bytes) -> Any:
    """Upload a file as the SDKs do: credentials in headers, one part."""
    import requests

    admin = world.emulator.admin
    headers = {
        "X-Comet-Admin-Username": admin.name,
        "X-Comet-Admin-AuthType": "Password",
        "X-Comet-Admin-Password": admin.password,
    }
    url = f"{world.emulator.url}/api/v1/admin/meta/resource/new"
    return requests.post(url, headers=headers, files={"upload": ("file.dat", content)}, timeout=20)


@given("AdminMetaReadLogs")
def log_day(world: World) -> Wire:
    return {"Log": world.call("admin/meta/list-available-log-days")[0]}


@given("AdminMetaReadSelectLogs")
def log_days(world: World) -> Wire:
    return {"Logs": json.dumps(world.call("admin/meta/list-available-log-days")[:2])}


@given("AdminMetaSendTestEmail")
def test_email(world: World) -> Wire:
    return {"EmailOptions": document("EmailOptions"), "Recipient": "it@company.example"}


@given("AdminMetaSendTestReport")
def test_report(world: World) -> Wire:
    return {"EmailReportingOption": document("EmailReportingOption", Recipients=["it@company.example"])}


@given("AdminPreviewUserEmailReport")
def preview(world: World) -> Wire:
    return {"TargetUser": world.target().username, "EmailReportConfig": document("EmailReportConfig")}


@given("AdminMetaStats")
def stats(world: World) -> Wire:
    return {"Simple": 0}


@given("AdminSelfBackupStart")
def self_backup(world: World) -> Wire:
    config = world.call("admin/meta/server-config/get")
    config["SelfBackup"]["Targets"] = [json.loads(document("SelfBackupTarget"))]
    with world.emulator.restarting():
        world.call("admin/meta/server-config/set", Config=json.dumps(config))
    return {}


@given("AdminConstellationPruneNow")
def prune(world: World) -> Wire:
    options = world.call("admin/meta/constellation/config/get")
    allowed = json.dumps({**options, "DeleteUnusedData": True})
    world.call("admin/meta/constellation/config/set", ConstellationRoleOptions=allowed)
    return {}


@given("AdminPoliciesGet", "AdminPoliciesDelete")
def a_policy(world: World) -> Wire:
    return {"PolicyID": world.policy()}


@given("AdminPoliciesNew")
def new_policy(world: World) -> Wire:
    return {"Policy": document("GroupPolicy", Description="New")}


@given("AdminPoliciesSet")
def set_policy(world: World) -> Wire:
    guid = world.policy()
    held = world.call("admin/policies/get", PolicyID=guid)
    return {"PolicyID": guid, "Policy": json.dumps(held["Policy"]), "CheckPolicyHash": held["PolicyHash"]}


@given("AdminPoliciesList", "AdminPoliciesListFull", "AdminUserGroupsList", "AdminUserGroupsListFull")
def of_organization(world: World) -> Wire:
    return {"TargetOrganization": world.organization()}


@given("AdminRequestStorageVaultProviders")
def of_top_level(world: World) -> Wire:
    return {}


@given("AdminUserGroupsGet")
def a_group(world: World) -> Wire:
    guid = world.group()
    members = json.dumps([world.user()])
    world.call("admin/user-groups/set-users-for-group", GroupID=guid, Users=members)
    return {"GroupID": guid, "IncludeUsers": "true"}


@given("AdminUserGroupsDelete")
def old_group(world: World) -> Wire:
    return {"GroupID": world.group()}


@given("AdminUserGroupsNew")
def new_group(world: World) -> Wire:
    return {"Name": "Group"}


@given("AdminUserGroupsSet")
def set_group(world: World) -> Wire:
    return {"GroupID": world.group(), "Group": document("UserGroup", Name="Renamed")}


@given("AdminUserGroupsSetUsersForGroup")
def group_users(world: World) -> Wire:
    return {"GroupID": world.group(), "Users": json.dumps([world.user()])}


@given("AdminSquotaGetWithHash", "AdminSquotaDelete")
def a_quota(world: World) -> Wire:
    return {"SharedStorageQuotaID": world.quota()}


@given("AdminSquotaSetWithHash")
def set_quota(world: World) -> Wire:
    guid = world.quota()
    held = world.call("admin/squota/get-with-hash", SharedStorageQuotaID=guid)
    changed = json.dumps({**held["SharedStorageQuota"], "LimitBytes": 7})
    check = held["SharedStorageQuotaHash"]
    return {"SharedStorageQuotaID": guid, "SharedStorageQuota": changed, "CheckHash": check}


@given("AdminStorageBucketProperties", "AdminStorageDeleteBucket", "AdminStorageFreeSpace")
def a_bucket(world: World) -> Wire:
    return {"BucketID": world.bucket()}


@given("AdminStorageRegisterBucket")
def new_bucket(world: World) -> Wire:
    return {}


@given("AdminStoragePingDestination")
def ping(world: World) -> Wire:
    return {"ExtraData": document("DestinationLocation", DestinationType=1002)}


@given("AdminUpdateCampaignStart")
def campaign(world: World) -> Wire:
    return {"Options": document("UpdateCampaignOptions", Active=True, UpgradeOlder=True)}


@given("AdminExternalAuthSourcesNew")
def new_source(world: World) -> Wire:
    return {"Source": document("ExternalAuthenticationSource", Type="ldap", Description="Directory")}


@given("AdminExternalAuthSourcesDelete")
def old_source(world: World) -> Wire:
    return {"SourceID": world.call("admin/external-auth-sources/new", **new_source(world))["ID"]}
