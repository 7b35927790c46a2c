"""The form of a call, in either encoding. What is too long, or comes too slowly, is cut off."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import parse_qsl

from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from comet.emulator.errors import Refusal, bad_request

_LARGEST_BODY = 64 << 20
_HEADER_CREDENTIALS = ("Username", "AuthType", "Password", "SessionKey", "TOTP", "WebAuthnSign", "U2FSign")
_CLOSE = {"Connection": "close"}  # the rest of the body is not waited for


async def read(request: Request, seconds: float) -> tuple[dict[str, str], dict[str, bytes]]:
    """The fields of a form, and its files. A field that comes twice counts as it came first.

    Raises Refusal for what is no form, too long, or not complete within so many seconds.
    """
    body = await _body(request, seconds)
    if request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        return await _multipart(request, body)
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict")
    except (UnicodeDecodeError, ValueError):
        raise bad_request("The form is not valid") from None
    return dict(reversed(pairs)), {}


async def _body(request: Request, seconds: float) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > _LARGEST_BODY:
                    raise Refusal(413, "The request is too large", http_status=413, headers=_CLOSE)
    except TimeoutError:
        raise Refusal(408, "The request took too long", http_status=408, headers=_CLOSE) from None
    return bytes(body)


async def _multipart(request: Request, body: bytes) -> tuple[dict[str, str], dict[str, bytes]]:
    """An upload brings its credentials in headers."""

    async def whole() -> AsyncIterator[bytes]:
        yield body

    parser = MultiPartParser(request.headers, whole(), max_part_size=_LARGEST_BODY)  # type: ignore[arg-type]
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError):
        raise bad_request("The form is not valid") from None
    given = {
        name: request.headers[f"x-comet-admin-{name}"]
        for name in _HEADER_CREDENTIALS
        if f"x-comet-admin-{name}" in request.headers
    }
    if given and "AuthType" not in given:
        given["AuthType"] = "Password"
    files: dict[str, bytes] = {}
    for name, value in form.items():
        if isinstance(value, str):
            given[name], files[name] = value, _as_sent(value)  # a file may come without a name of its own
        else:
            files[name] = await value.read()
    return given, files


def _as_sent(text: str) -> bytes:
    """The bytes of a part that was read as text: as UTF-8, or as Latin-1 where it is none."""
    try:
        raw = text.encode("latin-1")
        raw.decode("utf-8")
    except UnicodeEncodeError:
        return text.encode()
    except UnicodeDecodeError:
        return raw
    return text.encode()
