"""New secrets for one-time codes, as text and as the image an authenticator app reads."""

import base64
import io
import secrets
from urllib.parse import quote

ISSUER = "Emulated Comet Server"
_SECRET_BYTES = 20


def new_secret() -> str:
    """A base32 secret."""
    return base64.b32encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def otpauth_url(account: str, secret: str) -> str:
    return f"otpauth://totp/{quote(ISSUER)}:{quote(account)}?secret={secret}&issuer={quote(ISSUER)}"


def qr_image(text: str) -> str:
    """A data URI of the text as a QR code."""
    # Slow to load, and rarely needed.
    import qrcode  # type: ignore[import-untyped]
    from qrcode.image.svg import SvgPathImage  # type: ignore[import-untyped]

    written = io.BytesIO()
    qrcode.make(text, image_factory=SvgPathImage).save(written)
    return "data:image/svg+xml;base64," + base64.b64encode(written.getvalue()).decode()
