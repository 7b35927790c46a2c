"""The data of an event, as it is stored and as it is read by people."""

import json
from typing import Any, Final

import msgspec

from comet.stream import LARGE_CHARACTERS, StreamedEvent
from comet.types import StreamableEvent
from portal.live.secrets import without_secrets

MAX_STORED_BYTES: Final = 1_048_576
SURELY_SHORT: Final = MAX_STORED_BYTES // 16
"""Characters that stay below the limit in any encoding, whatever is put in the place of secrets."""
_NUL: Final = "\\u0000"
"""As JSON writes it, the only way a text can hold it."""


def without_nul(item: StreamedEvent) -> StreamedEvent:
    """The event with U+FFFD for each NUL, which no column holds and PostgreSQL takes in no query."""
    if _NUL not in item.text:
        return item
    text = item.text.replace(_NUL, "\\ufffd")
    return StreamedEvent(msgspec.json.decode(text, type=StreamableEvent), text)


def storable_data(item: StreamedEvent) -> tuple[Any, str]:
    """What is stored of an event's data, and why that is not all ("" where it is).

    Secrets are gone from it. Data above 1 MiB is left out: its event is kept. An event that came as
    more than that many characters is not even looked through, which would hold up others.
    """
    if len(item.text) > LARGE_CHARACTERS:
        return (
            None,
            f"It is {len(item.text):,} characters long and its data was not stored; 1 MiB is the most.",
        )
    clean = without_secrets(item.event.data)
    if len(item.text) < SURELY_SHORT:
        return clean, ""
    size_bytes = len(json.dumps(clean, ensure_ascii=False).encode())
    if size_bytes > MAX_STORED_BYTES:
        return None, f"Its data is {size_bytes:,} bytes long and was not stored; 1 MiB is the most."
    return clean, ""


def stored_text(data: Any) -> str:
    """Indented JSON; empty where an event carried nothing."""
    return "" if data is None else json.dumps(data, indent=2, ensure_ascii=False)
