"""How an API token is written: `phn_`, 256 random bits and a checksum, 53 characters in all.

The fixed beginning lets secret scanners find a token that was pasted somewhere (`PATTERN`), and the
checksum tells what was never one without asking the database.
"""

import hashlib
import re
import secrets
import string
import zlib
from typing import Final

PREFIX: Final = "phn_"
_BODY_LENGTH: Final = 43  # 62 ** 43 > 2 ** 256
_CHECK_LENGTH: Final = 6  # 62 ** 6 > 2 ** 32
LENGTH: Final = len(PREFIX) + _BODY_LENGTH + _CHECK_LENGTH
PATTERN: Final = re.compile(rf"{PREFIX}[0-9A-Za-z]{{{_BODY_LENGTH + _CHECK_LENGTH}}}")
HINT_LENGTH: Final = 4

_DIGITS: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase


def new_token() -> str:
    body = PREFIX + _base62(secrets.randbits(256), _BODY_LENGTH)
    return body + _checksum(body)


def is_well_formed(text: str) -> bool:
    """Whether `text` could be a token that was made here: its form and its checksum are right."""
    if len(text) != LENGTH or PATTERN.fullmatch(text) is None:
        return False
    return _checksum(text[:-_CHECK_LENGTH]) == text[-_CHECK_LENGTH:]


def digest_of(token: str) -> str:
    """What is stored of a token: its SHA-256 in hexadecimal. 256 random bits need no slower hash."""
    return hashlib.sha256(token.encode()).hexdigest()


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), _CHECK_LENGTH)


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
