"""How the parameters are made of methods about news, items, devices, settings and storage."""

import json
from typing import Any

import requests

from tests.comet.conformance.world import (
    Wire,
    World,
    document,
    given,
)


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
