"""What every secret of the tests holds, so that it is told wherever it turns up (marker_scan.py)."""

from typing import Final

MARK: Final = "MarkedSecret"
"""Letters only, so that it fits into base32 seeds, base64 keys and passwords alike. Case does not matter."""

MARKED_KEY: Final = "MarkedSecretKeyOfTheTests-MarkedSecretKeyOA="
"""A Fernet key: 32 bytes in url-safe base64."""


def marked(what: str) -> str:
    """A secret of the tests: `marked("password")`."""
    return f"{MARK}-{what}-4f1c9a"


PASSWORD: Final = "correct horse battery"
"""Of every person a factory makes; looked for like the mark."""
