"""Admin accounts; top level only."""

from typing import Any

from comet.emulator import accounts, events
from comet.emulator.auth import ADMIN
from comet.emulator.call import Call, done, method
from comet.emulator.errors import Refusal, bad_request

Wire = dict[str, Any]


@method("AdminAdminUserList")
def admin_user_list(call: Call) -> list[Wire]:
    return [accounts.without_secrets(record) for record in call.server.admins.all()]


@method("AdminAdminUserNew")
def admin_user_new(call: Call) -> Wire:
    """Makes an admin of the top level, or of the organization in TargetOrgID."""
    name, password = call.text("TargetUser"), call.text("TargetPassword")
    organization_id = call.text("TargetOrgID")
    if not name or not password:
        raise bad_request("Name and password must not be empty")
    if organization_id and call.server.organizations.get(organization_id) is None:
        raise bad_request("Organization not found")
    if call.server.admins.find(name, organization_id):
        raise bad_request("An administrator of that name exists")
    record = call.server.admins.add(name, organization_id, password)
    shown = accounts.without_secrets(record)
    call.emit(events.ADMIN_NEW, organization_id=organization_id, resource_id=name, data=shown)
    return done()


@method("AdminAddFirstAdminUser")
def add_first_admin_user(call: Call) -> Wire:
    """Works once: on a server without any administrator."""
    name, password = call.text("TargetUser"), call.text("TargetPassword")
    if call.server.admins.all():
        raise Refusal(403, "This server has an administrator already")
    if not name or not password:
        raise bad_request("Name and password must not be empty")
    shown = accounts.without_secrets(call.server.admins.add(name, "", password))
    call.emit(events.ADMIN_NEW, organization_id="", resource_id=name, data=shown)
    return done()


@method("AdminAdminUserDelete")
def admin_user_delete(call: Call) -> Wire:
    """Deletes by name alone: the top level's admin of that name, or else the first organization's."""
    name = call.text("TargetUser")
    found = call.server.admins.named(name)
    if not found:
        raise bad_request("Administrator not found")
    organization_id = found[0]["OrganizationID"]
    if (name, organization_id) == (call.caller.username, call.caller.organization_id):
        raise bad_request("You can't delete the account you are signed in with")
    call.server.admins.remove(name, organization_id)
    call.server.sessions.revoke_all(ADMIN, name, organization_id)
    call.emit(events.ADMIN_REMOVED, organization_id=organization_id, resource_id=name)
    return done()
