"""News items, and bulletins by email."""

from typing import Any

from comet.emulator.call import Call, done, method
from comet.emulator.errors import bad_request

Wire = dict[str, Any]


@method("AdminNewsGetAll")
def news_get_all(call: Call) -> dict[str, Wire]:
    return call.server.news.of(call.caller.sees)


@method("UserWebNewsGetAll")
def user_news_get_all(call: Call) -> dict[str, Wire]:
    return call.server.news.of(call.caller.organization_id)


@method("AdminNewsSubmit")
def news_submit(call: Call) -> Wire:
    entry = {
        "OrganizationID": call.caller.organization_id,
        "DateTime": call.server.clock.seconds(),
        "TextContent": call.text("NewsContent"),
    }
    call.server.news.put(call.server.new_guid(), entry)
    return done()


@method("AdminNewsRemove")
def news_remove(call: Call) -> Wire:
    guid = call.text("NewsItem")
    if guid not in news_get_all(call):
        raise bad_request("News item not found")
    call.server.news.delete(guid)
    return done()


@method("AdminBulletinSubmit")
def bulletin_submit(call: Call) -> Wire:
    """One email to each user of the caller's organization."""
    if not call.text("Subject"):
        raise bad_request("A bulletin needs a subject")
    call.server.note_email(len(call.server.profiles.names(call.caller.organization_id)))
    return done()
