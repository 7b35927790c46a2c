"""Which names hold what nobody should read, and text that both databases take."""

import re
from typing import Final

_LOOKS_SECRET: Final = re.compile(
    r"pass(word|phrase|wd|code)|secret|token|credential|private|recovery|cookie|authorization|totp|^otp|key$|hash$",
    re.IGNORECASE,
)


def looks_secret(name: str) -> bool:
    """Whether a key or field of this name may hold a secret."""
    return _LOOKS_SECRET.search(name) is not None


def storable(text: str) -> str:
    """Text as both databases take it: without NUL and half characters."""
    if text.isascii() and "\x00" not in text:
        return text
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
