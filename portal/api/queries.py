"""What may stand behind the `?` of each address of the API, and how it is read."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Final, TypeVar

import msgspec
from django.http import QueryDict
from msgspec import Meta

from portal.api.paging import CURSOR_LENGTH
from portal.api.problems import Problem, bad_parameter
from portal.core.states import State

MOST: Final = 500
USUAL: Final = 100
LARGEST_ID: Final = 2**63 - 1
EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)

QueryT = TypeVar("QueryT", bound="NoQuery")

Limit = Annotated[int, Meta(ge=1, le=MOST, description=f"How many rows a page holds, 1 to {MOST}.")]
Cursor = Annotated[
    str, Meta(min_length=1, max_length=CURSOR_LENGTH, description="The `next_cursor` of the page before.")
]


def _id(description: str) -> Meta:
    return Meta(ge=1, le=LARGEST_ID, description=description)


ServerId = Annotated[int, _id("Only those on this Comet Server, by its id.")]
DeviceId = Annotated[int, _id("Only those of this Device, by its id.")]
TenantId = Annotated[int, _id("Only those of this tenant and of everything below it, by its id.")]
OfState = Annotated[State, Meta(description="Only those in this state.")]
Since = Annotated[datetime, Meta(tz=True, description="Only those that began then or later.")]
Until = Annotated[datetime, Meta(tz=True, description="Only those that began before that.")]
Online = Annotated[bool, Meta(description="Only those connected (true), or not connected (false).")]


class NoQuery(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """An address without parameters."""


class PageQuery(NoQuery, kw_only=True):
    """What every list takes."""

    limit: Limit = USUAL
    cursor: Cursor | None = None


class ServerQuery(PageQuery, kw_only=True):
    tenant: TenantId | None = None


class DeviceQuery(PageQuery, kw_only=True):
    server: ServerId | None = None
    tenant: TenantId | None = None
    state: OfState | None = None
    online: Online | None = None


class JobQuery(PageQuery, kw_only=True):
    server: ServerId | None = None
    device: DeviceId | None = None
    tenant: TenantId | None = None
    state: OfState | None = None
    since: Since | None = None
    until: Until | None = None

    def __post_init__(self) -> None:
        """Bring times that no Job can have, such as 9999-12-31, to what databases hold in every time zone."""
        self.since = _within(self.since)
        self.until = _within(self.until)


def _within(at: datetime | None) -> datetime | None:
    return at if at is None else min(max(at, EARLIEST), LATEST)


def read_query(sent: QueryDict, kind: type[QueryT]) -> QueryT:
    """The query string as `kind`.

    Raises:
        Problem: a parameter is not known, was sent twice, or holds what it cannot.
    """
    for name, values in sent.lists():
        if name not in kind.__struct_fields__:
            known = ", ".join(kind.__struct_fields__) or "none"
            raise bad_parameter(
                name[:100],
                f"There is no parameter {name[:100]!r} here.",
                f"Those that can be used here: {known}.",
            )
        if len(values) > 1:
            raise bad_parameter(name, f"{name} was sent {len(values)} times.", "Send it once.")
        if values[0].casefold() in ("", "null"):
            raise bad_parameter(name, f"{name} was sent without a value.", "Leave it out, or give it one.")
    try:
        return msgspec.convert(dict(sent.items()), kind, strict=False)
    except msgspec.ValidationError as error:
        raise _said(str(error), kind, sent) from None


_PATH: Final = re.compile(r" - at `\$\.?(?P<name>\w*)`$")
_WORDS: Final = {
    ", got `str`": "",
    "`int`": "a whole number",
    "`bool`": "true or false",
    "`datetime` with a timezone component": "a time with its offset",
    "`str` of length": "as many characters as",
    "Invalid RFC3339 encoded datetime": "this is no time as RFC 3339 writes it",
    "Invalid enum value": "there is no state",
}
"""What msgspec says, and how it is said here."""


def _said(error: str, kind: type[NoQuery], sent: QueryDict) -> Problem:
    """A message of msgspec, such as "Expected `int` <= 500 - at `$.limit`", as a problem."""
    found = _PATH.search(error)
    why = _PATH.sub("", error)
    name = (found["name"] if found else "") or why.split(" ", 1)[0]
    for theirs, ours in _WORDS.items():
        why = why.replace(theirs, ours)
    next_step = f"{description_of(kind, name)} /api/ tells of all of them."
    if name in ("since", "until"):
        next_step = "Write a time with its offset, such as 2026-11-21T06:00:00Z; a + is sent as %2B."
    why = why[:1].lower() + why[1:]
    return bad_parameter(name, f"{name} cannot be {sent.get(name, '')[:60]!r}: {why}.", next_step)


def description_of(kind: type[NoQuery], name: str) -> str:
    """What a parameter is for, in words."""
    _, components = msgspec.json.schema_components([kind])
    about: dict[str, Any] = components[kind.__name__]["properties"].get(name, {})
    options = [about, *about.get("anyOf", [])]
    return next((option["description"] for option in options if "description" in option), "")
