"""User Profiles."""

from typing import Any

import msgspec

from comet.emulator import events
from comet.emulator.call import Call, Raw, method
from comet.emulator.errors import Refusal, bad_request

Wire = dict[str, Any]
_FIXED = ("Username", "OrganizationID", "CreationGUID")  # not to be changed by writing a profile


@method("AdminListUsers")
def list_users(call: Call) -> list[str]:
    return call.server.profiles.names(call.caller.sees)


@method("AdminListUsersFull")
def list_users_full(call: Call) -> Raw:
    book = call.server.profiles
    pairs = (msgspec.json.encode(name) + b":" + book.encoded(name) for name in book.names(call.caller.sees))
    return Raw(b"{" + b",".join(pairs) + b"}")


@method("AdminGetUserProfile")
def get_user_profile(call: Call) -> Raw:
    return Raw(call.server.profiles.encoded(call.target_user()))


@method("AdminGetUserProfileAndHash")
def get_user_profile_and_hash(call: Call) -> Wire:
    return _profile_and_hash(call, call.target_user())


@method("AdminGetUserProfileHash")
def get_user_profile_hash(call: Call) -> Wire:
    return {"Status": 200, "Message": "OK", "ProfileHash": call.server.profiles.hash(call.target_user())}


@method("AdminSetUserProfileHash")
def set_user_profile_hash(call: Call) -> Wire:
    """Writes a profile if nobody else did since it was read; refused with 409 otherwise."""
    username = call.target_user()
    profile = call.document("ProfileData")
    book = call.server.profiles
    if call.text("RequireHash") != book.hash(username):
        raise Refusal(409, "The user profile has changed since it was read")
    stored = book.stored(username) or {}
    for name in _FIXED:
        if profile.get(name, "") != stored.get(name, ""):
            raise bad_request(f"{name} of a user can't be changed")
    before = book.hash(username)
    book.write(username, profile)
    if book.hash(username) != before:
        organization_id = book.organization_of(username)
        data = book.full(username)
        call.emit(events.USER_UPDATED, organization_id=organization_id, resource_id=username, data=data)
    return _profile_and_hash(call, username)


@method("UserWebGetUserProfileAndHash")
def user_web_get_user_profile_and_hash(call: Call) -> Wire:
    return _profile_and_hash(call, call.caller.username)


def _profile_and_hash(call: Call, username: str) -> Wire:
    book = call.server.profiles
    return {
        "Status": 200,
        "Message": "OK",
        "ProfileHash": book.hash(username),
        "Profile": book.full(username),
    }
