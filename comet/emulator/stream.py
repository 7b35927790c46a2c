"""The event stream: a websocket that signs in by five text frames and then only listens."""

import asyncio
import json
from contextlib import suppress

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from comet.emulator import auth
from comet.emulator.errors import Refusal
from comet.emulator.events import Subscription
from comet.emulator.server import Server

_FRAMES = ("Username", "AuthType", "Password", "SessionKey", "TOTP")


async def serve(server: Server, socket: WebSocket) -> None:
    """One stream, from its sign-in to its end."""
    if server.faults.streams_refused():
        await socket.close()
        return
    await socket.accept()
    try:
        async with asyncio.timeout(server.options.header_seconds):
            given = {name: await socket.receive_text() for name in _FRAMES}
        caller = auth.sign_in_admin(server, given, auth.origin_of(server, socket))
    except (Refusal, KeyError):
        await socket.send_text("403 Unauth")
        await socket.close()
        return
    except (TimeoutError, WebSocketDisconnect):
        with suppress(RuntimeError):
            await socket.close()
        return
    subscription = server.hub.subscribe(caller.sees, _allowed(socket.query_params.get("allowList", "")))
    subscription.offer(json.dumps(server.hello()))
    try:  # who reads the consent hears of all that happens from then on
        await socket.send_text("200 OK")
        await _relay(server, socket, subscription)
    finally:
        server.hub.unsubscribe(subscription)


async def _relay(server: Server, socket: WebSocket, subscription: Subscription) -> None:
    """Send until the reader leaves or is cut off. A reader that is cut off gets no farewell."""
    sending = asyncio.create_task(_send(server, socket, subscription))
    reading = asyncio.create_task(_read(socket))
    cutting = asyncio.create_task(subscription.until_cut())
    _, unfinished = await asyncio.wait({sending, reading, cutting}, return_when=asyncio.FIRST_COMPLETED)
    for task in unfinished:
        task.cancel()
    await asyncio.gather(sending, reading, cutting, return_exceptions=True)


async def _send(server: Server, socket: WebSocket, subscription: Subscription) -> None:
    while True:
        text = await subscription.next()
        if silence := server.faults.stream_silence():
            await asyncio.sleep(silence)
        await socket.send_text(text)


async def _read(socket: WebSocket) -> None:
    """Nothing a reader says means anything any more; this only notices that it left."""
    while socket.client_state is WebSocketState.CONNECTED:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return


def _allowed(listed: str) -> frozenset[int] | None:
    """The event types of an allowList; None if it names none."""
    numbers = frozenset(int(part) for part in listed.split(",") if part.strip().isdigit())
    return numbers or None
