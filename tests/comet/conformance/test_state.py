"""What one method writes another reads, and reads again after the process was killed and started anew."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.comet.conformance.makers import upload
from tests.comet.conformance.world import World, document
from tests.comet.emulator.conftest import START_AT
from tests.emulator_process import start_emulator

Read = Callable[[World], Any]
WRITTEN: list[tuple[str, Read, Any]] = []


def keep(what: str, read: Read, expected: Any) -> None:
    """Something was written: it is to be read like this, now and after the restart."""
    WRITTEN.append((what, read, expected))


@pytest.fixture(scope="module")
def written():
    """Every setter was called once; the world before and after a kill."""
    WRITTEN.clear()
    with start_emulator(users=20, jobs_per_day=80, days=3, start_at=START_AT) as emulator:
        world = World(emulator)
        for write in (
            _users,
            _admins,
            _policies,
            _groups_and_quotas,
            _configuration,
            _things,
            _devices,
            _organizations,
        ):
            write(world)
        before = {what: read(world) for what, read, _ in WRITTEN}
        emulator.kill()
        emulator.restart()
        after = {what: read(world) for what, read, _ in WRITTEN}
    return before, after


def test_each_setter_is_read_by_another_method(written):
    before, _ = written

    assert before == {what: expected for what, _, expected in WRITTEN}
    assert len(before) >= 40


def test_it_is_still_so_after_a_restart(written):
    before, after = written

    assert after == before


def _users(world: World) -> None:
    name = world.user(RequirePasswordChange=1)
    keep("add-user", lambda w: name in w.call("admin/list-users"), True)
    keep("add-user flag", lambda w: w.profile(name)["RequirePasswordChange"], True)
    other = world.name("from")
    fields = {"AccountName": "From a profile", "PasswordHash": "plain-password", "AllowPasswordLogin": True}
    made = document("UserProfileConfig", **fields)
    world.call("admin/add-user-from-profile", TargetUser=other, ProfileData=made)
    keep("add-user-from-profile", lambda w: w.profile(other)["AccountName"], "From a profile")
    signed = {"Username": other, "AuthType": "Password", "Password": "plain-password"}
    keep("its password", lambda w: w.call("user/web/session/start", **signed)["SessionType"], "user")
    third = world.user(StoreRecoveryCode=1)
    world.call("admin/reset-user-password", TargetUser=third, NewPassword="reset-password")
    reset = {"Username": third, "AuthType": "Password", "Password": "reset-password"}
    keep("reset-user-password", lambda w: w.call("user/web/session/start", **reset)["SessionType"], "user")
    changed = {**world.profile(third), "Emails": ["a@b.example"]}
    world.call("admin/set-user-profile", TargetUser=third, ProfileData=json.dumps(changed))
    keep("set-user-profile", lambda w: w.call("admin/list-users-full")[third]["Emails"], ["a@b.example"])
    source = world.source(third)
    keep("set-protected-item-with-backup-rules", lambda w: source in w.profile(third)["Sources"], True)
    gone_source = world.source(third)
    world.call("admin/delete-protected-item", TargetUser=third, SourceID=gone_source)
    keep("delete-protected-item", lambda w: gone_source in w.profile(third)["Sources"], False)
    gone = world.user()
    world.call("admin/delete-user", TargetUser=gone)
    keep("delete-user", lambda w: gone in w.call("admin/list-users-full"), False)
    seeded = next(n for n, p in world.profiles.items() if p["Devices"])
    world.call("admin/delete-user", TargetUser=seeded)
    keep("delete a seeded user", lambda w: seeded in w.call("admin/list-users"), False)
    keep("his jobs", lambda w: [j for j in w.call("admin/get-jobs-all") if j["Username"] == seeded], [])
    vault = world.call(
        "admin/request-storage-vault", TargetUser=third, StorageProvider=world.templates()[0]["ID"]
    )["DestinationID"]
    keep("request-storage-vault", lambda w: vault in w.profile(third)["Destinations"], True)
    keep("its bucket", lambda w: vault in w.call("admin/storage/list-buckets"), True)


def _admins(world: World) -> None:
    name = world.admin()["Username"]
    keep("admin-user/new", lambda w: name in _admin_names(w), True)
    gone = world.admin()["Username"]
    world.call("admin/admin-user/delete", TargetUser=gone)
    keep("admin-user/delete", lambda w: gone in _admin_names(w), False)
    own = world.admin()
    security = world.call("admin/account/properties", **own)["Security"]
    changed = {**security, "Password": "changed-password", "PasswordFormat": 0, "IPWhitelist": "127"}
    world.call("admin/account/set-properties", Security=json.dumps(changed), **own)
    fresh = {**own, "Password": "changed-password"}
    keep(
        "account/set-properties",
        lambda w: w.call("admin/account/properties", **fresh)["Security"]["IPWhitelist"],
        "127",
    )
    session = world.session()
    keep("session-start", lambda w: w.call("admin/meta/version", **session)["Version"], "25.9.8")
    revoked = world.session()
    world.call("admin/account/session-revoke", **revoked)
    keep("session-revoke", lambda w: w.emulator.call("admin/meta/version", **revoked)["Status"], 403)


def _admin_names(world: World) -> list[str]:
    return [admin["Username"] for admin in world.call("admin/admin-user/list")]


def _policies(world: World) -> None:
    guid = world.policy()
    policy = json.loads(document("GroupPolicy", Description="Changed"))
    policy["Policy"].update(EnforceStorageVaultRetention=True, ModeScheduleSkipAlreadyRunning=4)
    policy["Policy"]["DefaultStorageVaultRetention"] = {"Mode": 802, "Ranges": []}
    world.call("admin/policies/set", PolicyID=guid, Policy=json.dumps(policy))
    keep("policies/set", lambda w: w.call("admin/policies/list")[guid], "Changed")
    known = world.call("admin/list-users")
    top = [n for n, p in world.profiles.items() if not p.get("OrganizationID") and n in known]
    name = top[-1]
    profile = {**world.profile(name), "PolicyID": guid}
    world.call("admin/set-user-profile", TargetUser=name, ProfileData=json.dumps(profile))
    keep(
        "the policy's retention",
        lambda w: {v["DefaultRetention"]["Mode"] for v in w.profile(name)["Destinations"].values()},
        {802},
    )
    keep(
        "the policy's schedules",
        lambda w: {r["SkipAlreadyRunning"] for r in w.profile(name)["BackupRules"].values()},
        {False},
    )
    gone = world.policy()
    world.call("admin/policies/delete", PolicyID=gone)
    keep("policies/delete", lambda w: gone in w.call("admin/policies/list-full"), False)
    world.call("admin/policies/new", Policy=document("GroupPolicy", Description="Brand new"))
    keep("policies/new", lambda w: "Brand new" in w.call("admin/policies/list").values(), True)


def _groups_and_quotas(world: World) -> None:
    guid, name = world.group(), world.user()
    world.call("admin/user-groups/set-users-for-group", GroupID=guid, Users=json.dumps([name]))
    keep("set-users-for-group", lambda w: w.profile(name)["GroupID"], guid)
    world.call("admin/user-groups/set", GroupID=guid, Group=document("UserGroup", Name="Renamed"))
    keep("user-groups/set", lambda w: w.call("admin/user-groups/list")[guid], "Renamed")
    keep("user-groups/new", lambda w: guid in w.call("admin/user-groups/list-full"), True)
    gone = world.group()
    world.call("admin/user-groups/delete", GroupID=gone)
    keep("user-groups/delete", lambda w: gone in w.call("admin/user-groups/list"), False)
    quota = world.quota()
    keep("squota/set-with-hash", lambda w: w.call("admin/squota/list-all")["Entries"][quota]["LimitBytes"], 5)
    old = world.quota()
    world.call("admin/squota/delete", SharedStorageQuotaID=old)
    keep("squota/delete", lambda w: old in w.call("admin/squota/list-all")["Entries"], False)


def _configuration(world: World) -> None:
    branding = world.call("admin/meta/branding-config/get")["Branding"]
    changed = json.dumps({**branding, "BrandName": "Renamed brand"})
    world.call("admin/meta/branding-config/set", BrandingConfig=changed)
    keep("branding-config/set", lambda w: _config(w)["Branding"]["BrandName"], "Renamed brand")
    email = {**world.call("admin/meta/email-options/get"), "FromName": "Somebody"}
    world.call("admin/meta/email-options/set", EmailOptions=json.dumps(email))
    keep("email-options/set", lambda w: _config(w)["Email"]["FromName"], "Somebody")
    role = {**world.call("admin/meta/constellation/config/get"), "DeleteUnusedData": True}
    world.call("admin/meta/constellation/config/set", ConstellationRoleOptions=json.dumps(role))
    keep("constellation/config/set", lambda w: _config(w)["ConstellationRole"]["DeleteUnusedData"], True)
    build = world.call("admin/meta/build-config/get")["SoftwareBuildRole"]
    given = json.dumps({**build, "AllowUnauthenticatedDownloads": True})
    world.call("admin/meta/build-config/set", SoftwareBuildRoleConfig=given)
    keep("build-config/set", lambda w: _config(w)["SoftwareBuildRole"]["AllowUnauthenticatedDownloads"], True)
    hook = {"own": json.loads(document("WebhookOption", URL="", Level="full"))}
    world.call("admin/meta/webhook-options/set", WebhookOptions=json.dumps(hook))
    keep("webhook-options/set", lambda w: list(_config(w)["WebhookOptions"]), ["own"])
    psa = [json.loads(document("PSAConfig", URL="https://psa.example/"))]
    world.call("admin/meta/psa-config-list/set", PSAConfigList=json.dumps(psa))
    keep("psa-config-list/set", lambda w: _config(w)["PSAConfigs"], psa)
    template = json.loads(document("RemoteStorageOption", Type="s3", Description="Second"))
    given = json.dumps([*world.templates(), template])
    world.call("admin/meta/remote-storage-vault/set", RemoteStorageOptions=given)
    providers = "admin/request-storage-vault-providers"
    keep("remote-storage-vault/set", lambda w: "Second" in w.call(providers).values(), True)
    source = document("ExternalAuthenticationSource", Type="ldap", Description="Directory")
    guid = world.call("admin/external-auth-sources/new", Source=source)["ID"]
    keep("external-auth-sources/new", lambda w: list(_config(w)["ExternalAdminUserSources"]), [guid])
    config = _config(world)
    config["SessionSettings"]["ExpiredInSeconds"] = 900
    config["SelfBackup"]["Targets"] = [json.loads(document("SelfBackupTarget", ScheduleTimezone="UTC"))]
    with world.emulator.restarting():
        world.call("admin/meta/server-config/set", Config=json.dumps(config))
    keep("server-config/set", lambda w: len(w.call("admin/meta/version")["SelfBackup"]), 1)
    keep("session settings", lambda w: _branding(w)["ExpiredInSeconds"], 900)


def _config(world: World) -> dict[str, Any]:
    return world.call("admin/meta/server-config/get")


def _branding(world: World) -> dict[str, Any]:
    import requests

    return requests.get(f"{world.emulator.url}/gen/branding.props", timeout=10).json()


def _things(world: World) -> None:
    guid = world.news()
    keep("news/submit", lambda w: guid in w.call("admin/news/get-all"), True)
    digest = upload(world, b"kept").json()["ResourceHash"]
    keep("resource/new", lambda w: w.emulator.post("admin/meta/resource/get", Hash=digest).text, "kept")
    old = world.news()
    world.call("admin/news/remove", NewsItem=old)
    keep("news/remove", lambda w: old in w.call("admin/news/get-all"), False)
    bucket = world.bucket()
    keep("register-bucket", lambda w: bucket in w.call("admin/storage/list-buckets"), True)
    gone = world.bucket()
    world.call("admin/storage/delete-bucket", BucketID=gone)
    keep("delete-bucket", lambda w: gone in w.call("admin/storage/list-buckets"), False)
    world.call("admin/constellation/new-report")
    keep("new-report", lambda w: w.call("admin/constellation/status")["Stats"]["TotalChecksStarted"], 1)
    campaign = document("UpdateCampaignOptions", Active=True)
    world.call("admin/update-campaign/start", Options=campaign)
    keep("update-campaign/start", lambda w: w.call("admin/update-campaign/status")["Active"], True)


def _devices(world: World) -> None:
    live = world.call("admin/dispatcher/list-active")
    profiles = world.call("admin/list-users-full").items()
    known = {name for name, profile in profiles if not profile.get("OrganizationID")}
    kept = [(g, entry) for g, entry in live.items() if entry["Username"] in known]
    revoked = kept[0][1]
    world.call("admin/revoke-device", TargetUser=revoked["Username"], TargetDevice=revoked["DeviceID"])
    keep("revoke-device", lambda w: revoked["DeviceID"] in w.profile(revoked["Username"])["Devices"], False)
    connection, killed = kept[-1]
    world.call("admin/dispatcher/kill-process", TargetID=connection)
    keep("kill-process", lambda w: killed["DeviceID"] in _online(w), False)
    waiting = list(world.call("admin/installation/list-active"))
    name = world.user()
    given = {"TargetUser": name, "TargetPassword": "made-password", "TargetTOTPCode": ""}
    answer = world.call("admin/installation/dispatch/register-device", DeviceID=waiting[0], **given)
    assert answer == "OK"
    keep("register-device", lambda w: list(w.profile(name)["Devices"]), [waiting[0]])
    keep("the lobby", lambda w: waiting[0] in w.call("admin/installation/list-active"), False)
    keep("its connection", lambda w: waiting[0] in _online(w), True)


def _online(world: World) -> set[str]:
    return {entry["DeviceID"] for entry in world.call("admin/dispatcher/list-active").values()}


def _organizations(world: World) -> None:
    guid = world.organization()
    keep("organization/set", lambda w: guid in w.call("admin/organization/list"), True)
    gone = next(iter(world.call("admin/organization/list")))
    users = [n for n, p in world.call("admin/list-users-full").items() if p.get("OrganizationID") == gone]
    assert users
    world.call("admin/organization/delete", OrganizationID=gone)
    keep("organization/delete", lambda w: gone in w.call("admin/organization/list"), False)
    keep("its users", lambda w: [n for n in w.call("admin/list-users") if n in users], [])
