"""One browser's websocket, as the hub writes to it: straight to the server's own `send`.

uvicorn's `send` waits while the transport's buffer is above its high-water mark. Both marks are set
to `MAX_BACKLOG_BYTES` here, so that below it a send never waits, and a reader above it is let go
instead: nobody waits for anybody else.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

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


class Reader:
    """A joined socket: what it listens to, what it may see, and how to reach it."""

    __slots__ = ("_send", "_transport", "check_at", "recheck", "sight", "topics", "user_id")

    def __init__(
        self,
        send: Send,
        *,
        user_id: int,
        topics: frozenset[Topic],
        sight: Sight,
        recheck: Callable[[], Awaitable[None]],
    ) -> None:
        self._send = send
        self._transport = getattr(getattr(send, "__self__", None), "transport", None)
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

    async def write(self, text: str) -> None:
        """Send one frame. Raises OSError when the socket is gone, RuntimeError when it is closing."""
        await self._send({"type": "websocket.send", "text": text})

    async def let_go(self) -> None:
        """Tell a reader that fell behind to reload, once it has read the rest; cut it off otherwise."""
        try:
            async with asyncio.timeout(GOODBYE_SECONDS):
                await self._send({"type": "websocket.close", "code": RELOAD})
        except TimeoutError:
            if self._transport is not None:
                self._transport.abort()
        except (OSError, RuntimeError):
            return  # gone already
