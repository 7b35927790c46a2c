"""Signing in and out."""

from typing import Any

from comet.emulator import accounts, events, shapes
from comet.emulator.auth import ADMIN
from comet.emulator.call import Call, done, method
from comet.emulator.errors import bad_request, unauthorised

Wire = dict[str, Any]


@method("AdminAccountProperties")
def properties(call: Call) -> Wire:
    record = call.server.admins.find(call.caller.username, call.caller.organization_id)
    if record is None:
        raise unauthorised()
    shown = accounts.without_secrets(record)
    security = {
        field.name: shown[field.name]
        for field in shapes.fields("AdminSecurityOptions")
        if field.name in shown
    }
    return {
        "OrganizationID": record["OrganizationID"],
        "Permissions": record["Permissions"],
        "Security": security,
    }


@method("AdminAccountSessionStart", "UserWebSessionStart", "HybridSessionStart")
def session_start(call: Call) -> Wire:
    caller = call.caller
    return _start(call, caller.kind, caller.username, caller.organization_id)


@method("AdminAccountSessionStartAsUser")
def session_start_as_user(call: Call) -> Wire:
    username = call.target_user()
    return _start(call, "user", username, call.server.profiles.organization_of(username))


@method("AdminAccountSessionRevoke", "UserWebSessionRevoke")
def session_revoke(call: Call) -> Wire:
    """Ends the key that made the call."""
    caller = call.caller
    if not caller.session_key:
        raise bad_request("The call was not made with a session key")
    call.server.sessions.revoke(caller.session_key)
    event = events.ADMIN_SESSION_REVOKE if caller.kind == ADMIN else events.USER_SESSION_REVOKE
    call.emit(event, organization_id=caller.organization_id, resource_id=caller.username)
    return done("Session ended")


@method("AdminAccountSessionUpgrade")
def session_upgrade(call: Call) -> Wire:
    """Makes a key that waits for a second factor a full one. The call itself brings that factor."""
    caller = call.caller
    if caller.session_key:
        raise bad_request("An upgrade needs the second factor itself")
    key = call.text("SessionKey")
    if not call.server.sessions.upgrade(key, caller.kind, caller.username, caller.organization_id):
        raise unauthorised()
    return done("Logged in OK.")


def _start(call: Call, kind: str, username: str, organization_id: str) -> Wire:
    key = call.server.sessions.start(kind, username, organization_id)
    event = events.ADMIN_SESSION_START if kind == ADMIN else events.USER_SESSION_START
    session = {"Username": username, "OrganizationID": organization_id, "SessionType": kind}
    call.emit(event, organization_id=organization_id, resource_id=username, data=session)
    return {"Status": 200, "Message": "Logged in OK.", "SessionKey": key, "SessionType": kind}
