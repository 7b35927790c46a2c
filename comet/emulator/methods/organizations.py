"""Organizations: zones of their own, each found by its host names."""

import re
from typing import Any

from comet.emulator import events, shapes
from comet.emulator.auth import ADMIN
from comet.emulator.call import Call, done, method
from comet.emulator.errors import bad_request
from comet.emulator.methods.users import delete_one_user

Wire = dict[str, Any]
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?$", re.IGNORECASE)


@method("AdminOrganizationList")
def organization_list(call: Call) -> dict[str, Wire]:
    return call.server.organizations.all()


@method("AdminOrganizationSet")
def organization_set(call: Call) -> Wire:
    """Creates when no ID is given, else replaces."""
    book = call.server.organizations
    guid = call.text("OrganizationID")
    if guid and book.get(guid) is None:
        raise bad_request("Organization not found")
    given = "Organization" in call.values
    record = call.document("Organization") if given else book.get(guid) or shapes.zero("Organization")
    for host in record["Hosts"]:
        if not _HOST.match(host):
            raise bad_request(f"Host {host!r} is not a plain host name")
        if book.at_host(host) not in ("", guid):
            raise bad_request(f"Host {host} belongs to another organization")
    event = events.TENANT_UPDATED if guid else events.TENANT_NEW
    guid = book.put(guid or call.server.new_guid(), record)
    call.emit(event, organization_id=guid, resource_id=guid, data=record)
    return {"Status": 200, "Message": "OK", "ID": guid, "Organization": record}


@method("AdminOrganizationDelete")
def organization_delete(call: Call) -> Wire:
    """Removes an organization with its users, administrators, policies and whatever else is its own."""
    server, guid = call.server, call.text("OrganizationID")
    if server.organizations.get(guid) is None:
        raise bad_request("Organization not found")
    uninstall = bool((call.document("UninstallConfig") or {}).get("UninstallFlag"))
    for username in server.profiles.names(guid):
        delete_one_user(call, username, uninstall=uninstall)
    for admin in [record for record in server.admins.all() if record["OrganizationID"] == guid]:
        server.admins.remove(admin["Username"], guid)
        server.sessions.revoke_all(ADMIN, admin["Username"], guid)
        call.emit(events.ADMIN_REMOVED, organization_id=guid, resource_id=admin["Username"])
    for policy in list(server.policies.of(guid)):
        server.policies.delete(policy)
        call.emit(events.POLICY_REMOVED, organization_id=guid, resource_id=policy)
    for book in (server.news, server.groups, server.quotas, server.buckets):
        for record_id in list(book.of(guid)):
            book.delete(record_id)
    server.organizations.delete(guid)
    call.emit(events.TENANT_REMOVED, organization_id=guid, resource_id=guid)
    return done()


@method("AdminDispatcherGetDefaultLoginUrl")
def default_login_url(call: Call) -> Wire:
    """Where the clients of an organization sign in."""
    guid = call.text("OrganizationID")
    record = call.server.organizations.get(guid)
    if guid and record is None:
        raise bad_request("Organization not found")
    wanted = call.server.settings.section(guid, "Branding")["DefaultLoginServerURL"]
    host = record["Hosts"][0] if record and record["Hosts"] else ""
    return {"LoginURL": wanted or (f"https://{host}/" if host else call.base_url())}
