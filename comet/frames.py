"""What one frame of an event stream, or one webhook, holds."""

from dataclasses import dataclass, field
from typing import Any

import msgspec

from comet import lossless
from comet.types import StreamableEvent
from comet.types.events import EVENT_DATA


class _RawData(msgspec.Struct, rename="pascal", gc=False):
    data: msgspec.Raw


class KnownEvent(StreamableEvent, kw_only=True, gc=False, forbid_unknown_fields=True):
    """An event without any field that `StreamableEvent` does not have: nearly each is read as one."""


class _LargeEvent(StreamableEvent, kw_only=True, gc=False):
    """An event whose data is not decoded."""

    data: msgspec.Raw = msgspec.field(default=msgspec.Raw(b"null"), name="Data")


LARGE_CHARACTERS = 1_048_576
"""Of an event longer than this only the names in its data are decoded."""

_LONGEST_NAME_BYTES = 1024


class _Names(msgspec.Struct, gc=False):
    """By what the structures of the API say what, or whose, they are."""

    username: msgspec.Raw = msgspec.field(default=msgspec.Raw(), name="Username")
    guid: msgspec.Raw = msgspec.field(default=msgspec.Raw(), name="GUID")
    friendly_name: msgspec.Raw = msgspec.field(default=msgspec.Raw(), name="FriendlyName")
    description: msgspec.Raw = msgspec.field(default=msgspec.Raw(), name="Description")
    name: msgspec.Raw = msgspec.field(default=msgspec.Raw(), name="Name")
    account_name: msgspec.Raw = msgspec.field(default=msgspec.Raw(), name="AccountName")


_FIELDS = frozenset(StreamableEvent.__struct_encode_fields__)
_known_event_decoder = msgspec.json.Decoder(KnownEvent)
_event_decoder = msgspec.json.Decoder(StreamableEvent)
_large_event_decoder = msgspec.json.Decoder(_LargeEvent)
_names_decoder = msgspec.json.Decoder(_Names)
_raw_data_decoder = msgspec.json.Decoder(_RawData)


@dataclass(frozen=True, slots=True)
class StreamedEvent:
    """One event, and the JSON text it came as.

    Of an event of more than `LARGE_CHARACTERS`, `event.data` holds its names alone: millions of
    small values would hold up every other stream of the process. `typed_data` reads it all.
    """

    event: StreamableEvent
    text: str = field(repr=False)

    def unknown_fields(self) -> dict[str, Any]:
        """What the frame holds beside the fields of `StreamableEvent`; mostly nothing, which is quickly said.

        Of an event of more than `LARGE_CHARACTERS` they are not looked for.
        """
        if isinstance(self.event, KnownEvent) or len(self.text) > LARGE_CHARACTERS:
            return {}
        try:
            fields = msgspec.json.decode(self.text)
        except (msgspec.DecodeError, RecursionError):  # what is passed over need not be whole
            return {}
        return {name: value for name, value in fields.items() if name not in _FIELDS}

    def typed_data(self) -> Any:
        """`event.data` as the structure that this type of event carries; as it is, where none is known."""
        structure = EVENT_DATA.get(self.event.type)
        if structure is None or not isinstance(self.event.data, dict):
            return self.event.data
        try:
            return lossless.decode(_raw_data_decoder.decode(self.text).data, structure)
        except msgspec.ValidationError:
            return self.event.data


@dataclass(frozen=True, slots=True)
class BadFrame:
    """A frame that is not an event: broken JSON, or JSON of another shape. The stream goes on."""

    reason: str
    text: str = field(repr=False)


def read_event(text: str) -> StreamedEvent | BadFrame:
    """An event from the JSON text it came as."""
    try:
        event = _event(text) if len(text) <= LARGE_CHARACTERS else _large_event(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as problem:
        return BadFrame(type(problem).__name__, text)
    if event.type == 0:
        return BadFrame("an event without a type", text)
    return StreamedEvent(event, text)


def _event(text: str) -> StreamableEvent:
    try:
        return _known_event_decoder.decode(text)
    except msgspec.ValidationError:
        return _event_decoder.decode(text)


def _large_event(text: str) -> StreamableEvent:
    event = _large_event_decoder.decode(text)
    told = {name: getattr(event, name) for name in event.__struct_fields__ if name != "data"}
    return StreamableEvent(**told, data=_names_in(event.data))


def _names_in(data: msgspec.Raw) -> dict[str, str] | None:
    """The names at the top of `data`; None where it is no object."""
    if bytes(memoryview(data)[:1]) != b"{":
        return None
    found = _names_decoder.decode(data)
    named = {field.encode_name: bytes(getattr(found, field.name)) for field in msgspec.structs.fields(_Names)}
    return {
        name: msgspec.json.decode(value)
        for name, value in named.items()
        if value[:1] == b'"' and len(value) <= _LONGEST_NAME_BYTES
    }
