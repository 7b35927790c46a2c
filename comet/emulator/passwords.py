"""Password hashes and time-based one-time codes (RFC 6238)."""

import base64
import hashlib
import hmac
import secrets
import struct

_ROUNDS = 2_000  # few: the secrets of an emulator guard invented data, and every call may carry one
_STEP_SECONDS = 30


def hash_password(password: str, salt: str = "") -> str:
    salt = salt or secrets.token_hex(8)
    digest = hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), _ROUNDS)
    return f"pbkdf2${salt}${digest.hex()}"


def verify_password(password: str, hashed: str) -> bool:
    _, _, rest = hashed.partition("$")
    salt, _, _ = rest.partition("$")
    return bool(salt) and hmac.compare_digest(hash_password(password, salt), hashed)


def totp_code(secret: str, moment: float) -> str:
    """The six digits of a base32 secret at a Unix time."""
    key = base64.b32decode(secret.upper() + "=" * (-len(secret) % 8))
    digest = hmac.new(key, struct.pack(">Q", int(moment) // _STEP_SECONDS), hashlib.sha1).digest()
    at = digest[-1] & 15
    number = struct.unpack(">I", digest[at : at + 4])[0] & 0x7FFFFFFF
    return f"{number % 1_000_000:06d}"


def verify_totp(secret: str, code: str, moment: float) -> bool:
    """Whether the code is right now, one step ago, or in one step."""
    steps = (moment + offset * _STEP_SECONDS for offset in (-1, 0, 1))
    return any(hmac.compare_digest(totp_code(secret, step), code) for step in steps)
