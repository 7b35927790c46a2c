"""How the parameters are made of methods about jobs, users and their profiles."""

import json

from tests.comet.conformance.world import (
    METHODS,
    Wire,
    World,
    document,
    given,
    secret_of,
    totp,
)
from tests.emulator_process import USER_PASSWORD

RULE = json.dumps(
    {"ClauseType": "", "RuleField": "BackupJobDetail.Status", "RuleOperator": "int_gte", "RuleValue": "5000"}
)


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
