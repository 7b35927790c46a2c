"""A Comet Server on which nothing happens, for any number of streams: it knows sign-in, version and hello.

    python -m tests.bench.idle_server PORT CERTIFICATE

The emulator would tell each of 1,000 streams of the other 999 sign-ins, as one server does; here one
process stands for 1,000 servers.
"""

import asyncio
import json
import sys
from typing import Any, Final
from uuid import uuid4

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from comet.constants import StreamableEventType as Type

FRAMES_OF_A_SIGN_IN: Final = 5
START_HASH: Final = uuid4().hex


def _version() -> dict[str, Any]:
    return {"Version": "25.9.8", "AuthenticationRole": True, "ServerStartHash": START_HASH}


async def session_start(request: Request) -> Response:
    return JSONResponse({"Status": 200, "Message": "OK", "SessionKey": uuid4().hex, "SessionType": "admin"})


async def meta_version(request: Request) -> Response:
    return JSONResponse(_version())


async def greet(websocket: WebSocket) -> None:
    """Let a stream in, whoever it is, and say hello."""
    await websocket.accept()
    for _ in range(FRAMES_OF_A_SIGN_IN):
        await websocket.receive_text()
    await websocket.send_text("200 OK")
    hello = {"Type": Type.META_HELLO, "TypeString": "SEVT_META_HELLO", "Data": _version()}
    await websocket.send_text(json.dumps(hello))


async def stream(websocket: WebSocket) -> None:
    try:
        await greet(websocket)
        await websocket.receive_text()
    except WebSocketDisconnect:
        return


app = Starlette(
    routes=[
        Route("/api/v1/admin/account/session-start", session_start, methods=["POST"]),
        Route("/api/v1/admin/meta/version", meta_version, methods=["POST"]),
        WebSocketRoute("/api/v1/events/stream", stream),
    ]
)


def main(port: int, certificate: str) -> None:
    config = uvicorn.Config(
        app,
        port=port,
        ssl_certfile=certificate,
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        ws_ping_interval=None,
        backlog=4096,
        log_config=None,
        access_log=False,
    )
    asyncio.run(uvicorn.Server(config).serve())


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
