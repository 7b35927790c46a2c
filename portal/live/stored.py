"""The data of an event, as it is stored and as it is read by people."""

import json
from typing import Any, Final

from portal.live.secrets import without_secrets

MAX_STORED_BYTES: Final = 1_048_576


def storable_data(data: Any) -> tuple[Any, str]:
    """What is stored of an event's data, and why that is not all ("" where it is).

    Secrets are gone from it. Data above 1 MiB is left out: its event is kept.
    """
    clean = without_secrets(data)
    size_bytes = len(json.dumps(clean, ensure_ascii=False).encode())
    if size_bytes > MAX_STORED_BYTES:
        return None, f"Its data is {size_bytes:,} bytes long and was not stored; 1 MiB is the most."
    return clean, ""


def stored_text(data: Any) -> str:
    """Indented JSON; empty where an event carried nothing."""
    return "" if data is None else json.dumps(data, indent=2, ensure_ascii=False)
