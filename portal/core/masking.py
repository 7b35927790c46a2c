"""Takes secrets out of what is written for people to read: log lines, error reports, stored events.

The last line of defence: nothing logs secrets on purpose. Told by the name they are under, and by shapes
that only secrets have. A line may be long and hold what a stranger wrote: each pattern takes time in
proportion to its length.
"""

import re
from collections.abc import MutableMapping
from typing import Any, Final

from portal.core.secrecy import looks_secret

REMOVED: Final = "(removed)"
DEEPEST: Final = 20
"""Levels of nesting that are looked through; what lies deeper is removed."""

_NAMED: Final = (
    r"(?:pass(?:word|phrase|wd)|secret|token|session_?key|api_?key|private_?key|totp\w{0,20}|seed"
    r"|recovery_?codes?|set-cookie|cookie|authorization)"
)
_SHAPES: Final = (
    # Links that let in whoever opens them; Django logs the path of every request it refuses.
    (re.compile(r"(/invitations/|/password/reset/key/)[^/\s\"'?]+"), rf"\1{REMOVED}"),
    (re.compile(r"(\w://)[^/@\s]+@"), rf"\1{REMOVED}@"),
    (re.compile(r"\b(Bearer|Basic|Token) +[\w.+/=~-]{8,}", re.IGNORECASE), rf"\1 {REMOVED}"),
    (
        re.compile(rf"({_NAMED}[\"']?\s*[=:]\s*[\"']?)(?!\(removed)[^\s\"'&,;}})]{{4,}}", re.IGNORECASE),
        rf"\1{REMOVED}",
    ),
    (re.compile(r"gAAAA[\w-]{80,}=*"), REMOVED),  # sealed with a key of ours
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END|$)[^\n]*", re.DOTALL), REMOVED),
)


def mask_text(text: str) -> str:
    """The text without what has the shape of a secret."""
    for shape, put in _SHAPES:
        text = shape.sub(put, text)
    return text


def mask(value: Any, depth: int = 0) -> Any:
    """A copy of nested plain data without secrets: by the names in it, and by shape."""
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, bytes):
        return mask_text(value.decode(errors="replace"))
    if depth >= DEEPEST:
        return REMOVED if isinstance(value, dict | list | tuple) else value
    if isinstance(value, list | tuple):
        return [mask(inner, depth + 1) for inner in value]
    if isinstance(value, dict):
        return {name: mask_under(name, inner, depth + 1) for name, inner in value.items()}
    return value


def mask_under(name: Any, value: Any, depth: int = 0) -> Any:
    """What may be read of a value under this name."""
    if isinstance(name, str) and looks_secret(name) and value not in (None, "", True, False):
        return REMOVED
    return mask(value, depth)


def without_secrets(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: the last before a line is rendered, so that it sees tracebacks too."""
    return {name: mask_under(name, value) for name, value in event.items()}
