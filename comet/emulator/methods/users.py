"""User Profiles: made, read, written, deleted."""

from typing import Any

import msgspec

from comet.emulator import enforcement, events, newuser
from comet.emulator.auth import USER
from comet.emulator.call import Call, Raw, conflict, done, method
from comet.emulator.errors import Refusal, bad_request, unauthorised
from comet.emulator.job import UNINSTALL
from comet.emulator.passwords import hash_password, verify_password

Wire = dict[str, Any]
_FIXED = ("Username", "OrganizationID", "CreationGUID")  # not to be changed by writing a profile


@method("AdminListUsers")
def list_users(call: Call) -> list[str]:
    return call.server.profiles.names(call.caller.sees)


@method("AdminListUsersFull")
def list_users_full(call: Call) -> Raw:
    return Raw(call.server.profiles.encoded_list(call.caller.sees))


@method("AdminGetUserProfile")
def get_user_profile(call: Call) -> Raw:
    return Raw(call.server.profiles.encoded(call.target_user()))


@method("AdminGetUserProfileAndHash", "UserWebGetUserProfileAndHash")
def get_user_profile_and_hash(call: Call) -> Raw:
    return profile_and_hash(call, call.target_user())


@method("AdminGetUserProfileHash")
def get_user_profile_hash(call: Call) -> Wire:
    return {**done(), "ProfileHash": call.server.profiles.hash(call.target_user())}


@method("AdminAddUser")
def add_user(call: Call) -> Wire:
    profile = newuser.blank(call, call.target_organization())
    profile["RequirePasswordChange"] = newuser.decided(
        call, profile, "RequirePasswordChange", "ModeRequireUserResetPassword"
    )
    recoverable = newuser.decided(call, profile, "StoreRecoveryCode", "ModeAdminResetPassword")
    newuser.set_password(profile, call.text("TargetPassword"), recoverable=recoverable)
    return _add(call, profile)


@method("AdminAddUserFromProfile")
def add_user_from_profile(call: Call) -> Wire:
    blank = newuser.blank(call, call.target_organization())
    given = call.document("ProfileData")
    profile = {**given, **{name: blank[name] for name in ("Username", "OrganizationID", "CreationGUID")}}
    profile["CreateTime"] = given["CreateTime"] or blank["CreateTime"]
    profile["PolicyID"] = given["PolicyID"] or blank["PolicyID"]
    check_policy(call, profile)
    newuser.hash_plain_password(profile)
    return _add(call, profile)


@method("AdminSetUserProfile")
def set_user_profile(call: Call) -> Wire:
    """Writes a profile, whoever else did meanwhile."""
    username = call.target_user()
    _write(call, username, call.document("ProfileData"))
    return done()


@method("AdminSetUserProfileHash")
def set_user_profile_hash(call: Call) -> Raw:
    """Writes a profile if nobody else did since it was read; refused with 409 otherwise."""
    username = call.target_user()
    require_hash(call, username, call.text("RequireHash"))
    _write(call, username, call.document("ProfileData"))
    return profile_and_hash(call, username)


@method("UserWebSetProfileHash")
def user_web_set_profile_hash(call: Call) -> Raw:
    username, profile = call.caller.username, call.document("ProfileData")
    require_hash(call, username, call.text("ProfileHash"))
    stored = call.server.profiles.stored(username) or {}
    enforcement.check_own_change(stored, profile)
    _write(call, username, profile)
    return profile_and_hash(call, username)


@method("AdminDeleteUser")
def delete_user(call: Call) -> Wire:
    delete_one_user(
        call,
        call.target_user(),
        uninstall=bool((call.document("UninstallConfig") or {}).get("UninstallFlag")),
    )
    return done()


@method("AdminResetUserPassword")
def reset_user_password(call: Call) -> Wire:
    """Needs the old password, or a recovery code that the profile stores."""
    username = call.target_user()
    profile = call.server.profiles.stored(username) or {}
    old = call.text("OldPassword")
    if old and not verify_password(old, profile["PasswordHash"]):
        raise bad_request("The old password is not right")
    if not old and not profile.get("PasswordRecovery"):
        raise bad_request("The account has no recovery code; the old password is needed")
    _change_password(call, username, call.text("NewPassword"))
    return done()


@method("UserWebAccountResetPassword")
def user_web_reset_password(call: Call) -> Wire:
    username = call.caller.username
    require_hash(call, username, call.text("ProfileHash"))
    profile = call.server.profiles.stored(username) or {}
    if profile["Policy"]["PreventChangeAccountPassword"]:
        raise Refusal(403, "The policy of this account does not allow changing its password")
    if not verify_password(call.text("OldPassword"), profile["PasswordHash"]):
        raise unauthorised()
    _change_password(call, username, call.text("NewPassword"))
    return done()


@method("AdminRevokeDevice")
def revoke_device(call: Call) -> Wire:
    """Takes a device from its user, with its Protected Items and their schedules."""
    username, device_id = call.target_user(), call.text("TargetDevice")
    book = call.server.profiles
    profile = book.stored(username) or {}
    if device_id not in profile["Devices"]:
        raise bad_request("Device not found")
    device = call.server.fleet.get(username, device_id)
    if device is not None and call.server.turn_of(device) is not None:
        call.life.silence(device)
    owned = {guid for guid, source in profile["Sources"].items() if source["OwnerDevice"] == device_id}
    devices = {other: entry for other, entry in profile["Devices"].items() if other != device_id}
    book.change(username, Devices=devices)
    book.remove_items(username, owned)
    organization_id = book.organization_of(username)
    call.emit(events.DEVICE_REMOVED, organization_id=organization_id, resource_id=device_id)
    call.tell_user(events.USER_UPDATED, username)
    return done()


def delete_one_user(call: Call, username: str, *, uninstall: bool = False) -> None:
    """Remove a user with devices, sessions and history; his connected clients too if wanted."""
    organization_id = call.server.profiles.organization_of(username)
    for device in call.server.fleet.of_user(username):
        if call.server.turn_of(device) is not None:
            if uninstall:
                call.life.announce(
                    call.server.jobs.started.start(
                        device=device, item=None, vault=None, classification=UNINSTALL, seconds=0
                    )
                )
            call.life.silence(device)
    call.server.sessions.revoke_all(USER, username, organization_id)
    call.server.profiles.delete(username)
    call.emit(events.USER_REMOVED, organization_id=organization_id, resource_id=username, data=username)


def profile_and_hash(call: Call, username: str) -> Raw:
    """GetProfileAndHashResponseMessage."""
    book = call.server.profiles
    head = msgspec.json.encode({**done(), "ProfileHash": book.hash(username)})
    return Raw(head[:-1] + b',"Profile":' + book.encoded(username) + b"}")


def require_hash(call: Call, username: str, wanted: str) -> None:
    """Raises Refusal 409 if the profile is no longer that of the hash."""
    if wanted != call.server.profiles.hash(username):
        raise conflict(call, "The user profile has changed since it was read")


def check_policy(call: Call, profile: Wire) -> None:
    """Raises Refusal for a policy that does not exist here, or that this admin may not give."""
    policy_id = profile["PolicyID"]
    if not policy_id:
        return
    policy = call.server.policies.get(policy_id)
    if policy is None or policy["OrganizationID"] not in ("", profile.get("OrganizationID", "")):
        raise bad_request("Policy not found")
    admin = call.server.admins.find(call.caller.username, call.caller.organization_id)
    allowed = (admin or {"Permissions": {}})["Permissions"].get("AllowedUserPolicies")
    if allowed and policy_id not in allowed:
        raise Refusal(403, "Your administrator account does not have permission for this policy")


def _add(call: Call, profile: Wire) -> Wire:
    book, username = call.server.profiles, profile["Username"]
    book.write(username, profile)
    call.tell_user(events.USER_NEW, username)
    return done()


def _write(call: Call, username: str, profile: Wire) -> None:
    """Write and tell, if anything is different."""
    book = call.server.profiles
    stored = book.stored(username) or {}
    for name in _FIXED:
        if profile.get(name, "") != stored.get(name, ""):
            raise bad_request(f"{name} of a user can't be changed")
    moved = profile["PolicyID"] != stored["PolicyID"]
    if moved:
        check_policy(call, profile)
    newuser.hash_plain_password(profile)
    before, devices = book.hash(username), stored["Devices"]
    book.write(username, profile)
    if moved:
        fresh = book.stored(username) or {}
        book.write(username, call.server.policy_items.linked(fresh, call.server.clock.seconds()))
    if book.hash(username) == before:
        return
    organization_id = book.organization_of(username)
    for device_id in devices.keys() - profile["Devices"].keys():
        call.emit(events.DEVICE_REMOVED, organization_id=organization_id, resource_id=device_id)
    for device_id in profile["Devices"].keys() - devices.keys():
        data = profile["Devices"][device_id]
        call.emit(events.DEVICE_NEW, organization_id=organization_id, resource_id=device_id, data=data)
    call.tell_user(events.USER_UPDATED, username)


def _change_password(call: Call, username: str, password: str) -> None:
    newuser.check_password(password)
    profile = call.server.profiles.stored(username) or {}
    changes: Wire = {
        "PasswordHash": hash_password(password),
        "PasswordFormat": 1,
        "RequirePasswordChange": False,
    }
    if profile.get("PasswordRecovery"):
        changes["PasswordRecovery"] = newuser.recovery_code()
    call.server.profiles.change(username, **changes)
    call.tell_user(events.USER_UPDATED, username)
