"""External sources from which administrators can sign in."""

from typing import Any

from comet.emulator import events
from comet.emulator.call import Call, done, method
from comet.emulator.errors import bad_request

Wire = dict[str, Any]
_SECTION = "ExternalAdminUserSources"


@method("AdminExternalAuthSourcesGet")
def sources_get(call: Call) -> dict[str, Wire]:
    sources: dict[str, Wire] = call.server.settings.section(call.caller.organization_id, _SECTION)
    return sources


@method("AdminExternalAuthSourcesNew")
def sources_new(call: Call) -> Wire:
    source = call.document("Source")
    guid = call.text("SourceID") or call.server.new_guid()
    if guid in sources_get(call):
        raise bad_request("A source of that ID exists")
    _put(call, {**sources_get(call), guid: source})
    return {**done(), "ID": guid, "Source": source}


@method("AdminExternalAuthSourcesSet")
def sources_set(call: Call) -> Wire:
    _put(call, call.document("Sources"))
    return done()


@method("AdminExternalAuthSourcesDelete")
def sources_delete(call: Call) -> Wire:
    guid, sources = call.text("SourceID"), sources_get(call)
    if guid not in sources:
        raise bad_request("Source not found")
    _put(call, {other: source for other, source in sources.items() if other != guid})
    return done()


def _put(call: Call, sources: dict[str, Wire]) -> None:
    call.server.settings.put_section(call.caller.organization_id, _SECTION, sources)
    if not call.caller.organization_id:
        call.emit(events.SERVER_UPDATED, organization_id="", data=call.server.settings.whole())
