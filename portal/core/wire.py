"""Values as Comet sends them, made fit for columns once, where they enter the portal."""

from datetime import UTC, datetime, timedelta
from typing import Final

EPOCH: Final = datetime.fromtimestamp(0, UTC)
"""Stands for "never" in columns that lists sort by."""

SMALL: Final = 2**31 - 1
"""What an integer column holds."""

LARGE: Final = 2**63 - 1
"""What a big integer column holds."""

AHEAD: Final = timedelta(days=1)
"""Times further ahead of ours than this are a mistake of the sender."""


def moment(seconds: int) -> datetime | None:
    """Comet's Unix seconds as a time; its 0, and what no calendar holds, is None."""
    if seconds <= 0:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def clip(text: str, length: int) -> str:
    """At most `length` characters, without the NUL that no database takes."""
    return text[:length] if "\0" not in text else text.replace("\0", "")[:length]


def is_key(text: str, length: int) -> bool:
    """Whether a key column of `length` can hold `text` as it is."""
    return 0 < len(text) <= length and "\0" not in text


def natural(number: int, most: int = LARGE) -> int:
    """The nearest number from 0 to `most`."""
    return number if 0 <= number <= most else min(max(number, 0), most)
