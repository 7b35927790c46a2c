"""One browser's websocket, as the hub writes to it: straight to the connection below the server.

A frame for many readers is put into the form it has on the wire once; each reader then costs one
write. uvicorn's websocket protocol shows its transport; under a server that hides it, every reader
gets its text through the ASGI `send`.

uvicorn waits while the transport's buffer is above its high-water mark. Both marks are set to
`MAX_BACKLOG_BYTES` here, so that below it nothing waits, and a reader above it is let go instead:
nobody waits for anybody else.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import cached_property
from typing import Any, Final

from websockets.frames import Frame as WireFrame
from websockets.frames import Opcode

from portal.live.topics import Sight, Topic

MAX_BACKLOG_BYTES: Final = 1_048_576
GOODBYE_SECONDS: Final = 30
"""How long a reader that fell behind may take to read what it has before the line is cut."""

RAW_SEND: Final = "perihelion.send"
"""Key of the scope under which the server's own `send` is kept."""

RELOAD: Final = 4408

Send = Callable[[dict[str, Any]], Awaitable[None]]
Application = Callable[[dict[str, Any], Any, Send], Awaitable[None]]


def with_raw_send(application: Application) -> Application:
    """Keep the server's own `send` in the scope; middleware inside wraps what is passed on."""

    async def keeping(scope: dict[str, Any], receive: Any, send: Send) -> None:
        await application({**scope, RAW_SEND: send}, receive, send)

    return keeping


class Frame:
    """One text message, for any number of readers."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def on_the_wire(self) -> bytes:
        """As a server sends it: one unmasked, uncompressed text frame."""
        return WireFrame(Opcode.TEXT, self.text.encode()).serialize(mask=False)


class Reader:
    """A joined socket: what it listens to, what it may see, and how to reach it."""

    __slots__ = ("_protocol", "_send", "_transport", "check_at", "recheck", "sight", "topics", "user_id")

    def __init__(
        self,
        send: Send,
        *,
        user_id: int,
        topics: frozenset[Topic],
        sight: Sight,
        recheck: Callable[[], Awaitable[None]],
    ) -> None:
        """Raises RuntimeError when the browser has gone already."""
        self._send = send
        self._protocol = getattr(send, "__self__", None)
        self._transport = getattr(self._protocol, "transport", None)
        if self._transport is not None:
            self._transport.set_write_buffer_limits(high=MAX_BACKLOG_BYTES, low=MAX_BACKLOG_BYTES)
        self.user_id = user_id
        self.topics = topics
        self.sight = sight
        self.recheck = recheck
        """Reads the session and the grants again; moves, or closes, this reader."""
        self.check_at = 0.0
        """Loop time at which that is due."""

    @property
    def audience(self) -> tuple[frozenset[Topic], Sight]:
        return self.topics, self.sight

    def is_behind(self) -> bool:
        """Whether more than MAX_BACKLOG_BYTES wait for it; False where the server hides its transport."""
        if self._transport is None:
            return False
        return bool(self._transport.get_write_buffer_size() >= MAX_BACKLOG_BYTES)

    def write(self, frame: Frame) -> Awaitable[None] | None:
        """Send one frame; what is given back, if anything, is still to be awaited.

        Raises OSError when the socket is gone, RuntimeError when it is closing.
        """
        if self._transport is None:
            return self._send({"type": "websocket.send", "text": frame.text})
        if self._transport.is_closing() or getattr(self._protocol, "close_sent", False):
            raise RuntimeError("the socket is closing")
        self._transport.write(frame.on_the_wire)
        return None

    async def let_go(self, code: int = RELOAD) -> None:
        """Say goodbye to a reader that fell behind, once it has read the rest; cut it off otherwise."""
        try:
            async with asyncio.timeout(GOODBYE_SECONDS):
                await self._send({"type": "websocket.close", "code": code})
        except TimeoutError:
            if self._transport is not None:
                self._transport.abort()
        except (OSError, RuntimeError):
            return  # gone already
