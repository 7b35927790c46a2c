"""Organizations: zones of their own, each found by its host names."""

import re
from typing import Any

from comet.emulator import events, shapes
from comet.emulator.call import Call, method
from comet.emulator.errors import bad_request

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
    record = call.document("Organization") if given else shapes.zero("Organization")
    for host in record["Hosts"]:
        if not _HOST.match(host):
            raise bad_request(f"Host {host!r} is not a plain host name")
        if book.at_host(host) not in ("", guid):
            raise bad_request(f"Host {host} belongs to another organization")
    event = events.TENANT_UPDATED if guid else events.TENANT_NEW
    guid = book.put(guid, record)
    call.emit(event, organization_id=guid, resource_id=guid, data=record)
    return {"Status": 200, "Message": "OK", "ID": guid, "Organization": record}
