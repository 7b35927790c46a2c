"""Refuses request bodies that are too long, before Django puts them on disk.

Django reads a whole body into a temporary file before it looks at who asks; so the limit stands in
front of it. A declared length is refused unread, a chunked body as soon as it has grown too long.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from portal.core.refusals import note_refusal

Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]

USUAL_BYTES: Final = 2_621_440
"""2.5 MiB, as much as Django takes in fields of a form."""

LONGER: Final[Mapping[str, int]] = {"/hooks/comet/": 16 * 1_048_576}
"""Bytes a body may have under the paths that begin like this."""

_TEXT: Final = b"Refused: the request is longer than the portal takes.\n"


def limit_for(path: str) -> int:
    """Bytes that the body of a request to `path` may have."""
    return next((limit for prefix, limit in LONGER.items() if path.startswith(prefix)), USUAL_BYTES)


class BodyLimits:
    """Wraps the application; answers 413 in its place where a body is too long."""

    def __init__(self, application: Application) -> None:
        self.application = application

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        limit = limit_for(scope["path"])
        if _declared(scope) > limit:
            note_refusal("http", "too long", limit_bytes=limit)
            await _refuse(send)
            return
        received, refused, answered = 0, False, False

        async def counted() -> Message:
            nonlocal received, refused
            message = await receive()
            received += len(message.get("body", b""))
            if received <= limit:
                return message
            if not refused and not answered:
                refused = True
                note_refusal("http", "too long", limit_bytes=limit)
                await _refuse(send)
            return {"type": "http.disconnect"}  # Django lets go of what it has read

        async def unless_refused(message: Message) -> None:
            nonlocal answered
            if not refused:
                answered = True
                await send(message)

        await self.application(scope, counted, unless_refused)


def _declared(scope: dict[str, Any]) -> int:
    """The Content-Length; 0 where there is none. The HTTP server has seen to it that it is a number."""
    lengths = [value for name, value in scope["headers"] if name == b"content-length"]
    return max((int(value) for value in lengths if value.isdigit()), default=0)


async def _refuse(send: Send) -> None:
    """413, and the connection ends: what the sender still has is read by nobody."""
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(_TEXT)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": _TEXT})
