"""What an authenticator app shows."""

import base64
import hashlib
import hmac
import struct
import time


def app_code(seed: str, *, periods: int = 0) -> str:
    """The six digits of this moment, or of so many periods of 30 s later (RFC 6238)."""
    counter = struct.pack(">Q", int(time.time()) // 30 + periods)
    digest = hmac.new(base64.b32decode(seed), counter, hashlib.sha1).digest()
    offset = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[offset : offset + 4])[0] & 0x7FFFFFFF) % 1_000_000:06d}"
