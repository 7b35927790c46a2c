"""Frames that are wrong in every field of every type of event, one field at a time."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec

from comet.types.events import EVENT_DATA
from portal.fleet.records import ProfileRecord
from portal.jobs.records import JobRecord
from portal.live.kinds import KINDS

UNKNOWN_TYPE = 4999
ENVELOPE = ("Actor", "OwnerOrganizationID", "ResourceID", "Type", "TypeString", "Timestamp", "Data")
WRONG: tuple[Any, ...] = (None, -1, 10**30, "\x00", [None], {"": {"a": None}})
WRONG_WHERE_READ: tuple[Any, ...] = (True, 1.5, 2**63, "", "\ud800", "x" * 70_000, [], {})
"""Also tried in the fields whose values the portal takes over."""

_READ = {
    field.encode_name for record in (JobRecord, ProfileRecord) for field in msgspec.structs.fields(record)
}


def wrong_frames() -> Iterator[str]:
    """Each event type with one field missing, then of another type or out of all bounds."""
    for number in sorted({*KINDS, *EVENT_DATA, UNKNOWN_TYPE}):
        for event in _wrong(number):
            yield json.dumps(event)


def _wrong(number: int) -> Iterator[dict[str, Any]]:
    data = _data_of(number)
    event = {"Type": number, "Actor": "a", "Timestamp": 1_700_000_000, **({"Data": data} if data else {})}
    for name in ENVELOPE:
        yield {key: value for key, value in event.items() if key != name}
        yield from (event | {name: wrong} for wrong in WRONG)
    for name in _fields_of(number):
        yield event | {"Data": {key: value for key, value in data.items() if key != name}}
        values = WRONG + WRONG_WHERE_READ if name in _READ else WRONG[:2]
        yield from (event | {"Data": data | {name: wrong}} for wrong in values)


def _fields_of(number: int) -> list[str]:
    structure = EVENT_DATA.get(number)
    return [field.encode_name for field in msgspec.structs.fields(structure)] if structure else []


def _data_of(number: int) -> dict[str, Any]:
    if number in (4200, 4201):
        return {"GUID": f"walk-{number}", "Username": "walk", "Status": 5000, "StartTime": 1_700_000_000}
    return {"Username": "walk", "OrganizationID": "walk"} if number in (4100, 4102) else {}
