"""User groups. A user is in one group at most."""

from typing import Any

from comet.emulator import events
from comet.emulator.call import Call, done, method
from comet.emulator.errors import bad_request, user_not_found

Wire = dict[str, Any]


@method("AdminUserGroupsList")
def groups_list(call: Call) -> dict[str, str]:
    return {guid: group["Name"] for guid, group in groups_list_full(call).items()}


@method("AdminUserGroupsListFull")
def groups_list_full(call: Call) -> dict[str, Wire]:
    return call.server.groups.of(call.scope())


@method("AdminUserGroupsGet")
def groups_get(call: Call) -> Wire:
    guid, group = _group(call)
    members = call.server.profiles.in_group(guid) if call.flag("IncludeUsers") else []
    return {"UserGroup": group, "Users": {name: call.server.profiles.full(name) for name in members}}


@method("AdminUserGroupsNew")
def groups_new(call: Call) -> Wire:
    if not call.text("Name"):
        raise bad_request("A user group needs a name")
    guid = call.server.new_guid()
    group = {
        "CreatedAt": call.server.clock.seconds(),
        "OrganizationID": call.target_organization(),
        "Name": call.text("Name"),
    }
    call.server.groups.put(guid, group)
    _tell(call, events.GROUP_NEW, guid, group)
    return {**done(), "UserGroupID": guid}


@method("AdminUserGroupsSet")
def groups_set(call: Call) -> Wire:
    """Replaces a group, or creates one of that ID."""
    guid, group = call.text("GroupID"), call.document("Group")
    held = call.server.groups.get(guid)
    if held is not None:
        _group(call)
    own = call.caller.organization_id
    fixed = held["OrganizationID"] if held else own or group["OrganizationID"]
    group.update(OrganizationID=fixed, CreatedAt=held["CreatedAt"] if held else call.server.clock.seconds())
    call.server.groups.put(guid, group)
    _tell(call, events.GROUP_UPDATED if held else events.GROUP_NEW, guid, group)
    return done()


@method("AdminUserGroupsSetUsersForGroup")
def groups_set_users(call: Call) -> Wire:
    """Makes these users, and no others, the members."""
    guid, group = _group(call)
    book, wanted = call.server.profiles, set(call.document("Users"))
    for name in wanted:
        if not call.may_see_user(name) or book.organization_of(name) != group["OrganizationID"]:
            raise user_not_found()
    held = set(book.in_group(guid))
    for name in held ^ wanted:
        book.change(name, GroupID=guid if name in wanted else "")
        call.tell_user(events.USER_UPDATED, name)
    _tell(call, events.GROUP_UPDATED, guid, group)
    return done()


@method("AdminUserGroupsDelete")
def groups_delete(call: Call) -> Wire:
    guid, group = _group(call)
    for name in call.server.profiles.in_group(guid):
        call.server.profiles.change(name, GroupID="")
        call.tell_user(events.USER_UPDATED, name)
    call.server.groups.delete(guid)
    call.emit(events.GROUP_REMOVED, organization_id=group["OrganizationID"], resource_id=guid)
    return done()


def _group(call: Call) -> tuple[str, Wire]:
    guid = call.text("GroupID")
    group = call.server.groups.of(call.caller.sees).get(guid)
    if group is None:
        raise bad_request("User group not found")
    return guid, group


def _tell(call: Call, event_type: int, guid: str, group: Wire) -> None:
    call.emit(event_type, organization_id=group["OrganizationID"], resource_id=guid, data=group)
