"""Pings that show whether a websocket still stands, sent together with those of other websockets.

Among a thousand quiet connections, to be woken for each ping by itself costs several times what the
pings do.
"""

import asyncio
from contextlib import suppress
from typing import Final

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode

MOMENTS: Final = 20
"""So many moments of each interval are for pings, the same for every connection of the process."""


async def keep_alive(connection: ClientConnection, interval: float) -> None:
    """Ping every `interval` seconds; where one has no answer when the next is due, close the connection.

    Ends with the connection.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[float] | None = None
    with suppress(ConnectionClosed):
        while True:
            await asyncio.sleep(seconds_to_next(loop.time(), interval))
            if answer is not None and not answer.done():
                await connection.close(CloseCode.INTERNAL_ERROR, "keepalive ping timeout")
                return
            answer = asyncio.ensure_future(await connection.ping())


def seconds_to_next(now: float, interval: float) -> float:
    """From `now` to the moment for pings that ends an interval, or comes less than one moment earlier."""
    return interval - now % (interval / MOMENTS)
