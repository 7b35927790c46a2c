"""Comet Servers that send Job events as fast as they are told to, each over a websocket of its own.

    python -m tests.bench.event_servers PORT

Server N is under the path /N. POST /go with `rate` (events a second, over all) and `seconds` starts the
sending, for which all events are made beforehand, and answers with the number sent when it ends. Half of
the events are starts, half ends of Jobs; SnapshotID, which the portal stores with the rest, holds the time
at which an event was sent.
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from itertools import islice
from math import ceil
from typing import Final
from uuid import uuid4

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from comet.constants import StreamableEventType as Type
from tests.bench.idle_server import greet, meta_version, session_start
from tests.bench.job_details import job_detail

TICK_SECONDS: Final = 0.01
PROFILES: Final = 125
APART: Final = 40
"""Events between the start of a Job and its end."""

_streams: dict[str, WebSocket] = {}


async def stream(websocket: WebSocket) -> None:
    try:
        await greet(websocket)
        _streams[websocket.path_params["server"]] = websocket
        await websocket.receive_text()
    except WebSocketDisconnect:
        return


async def go(request: Request) -> Response:
    order = await request.json()
    count = round(order["rate"] * order["seconds"] / len(_streams))
    frames = {name: list(islice(_frames(), count)) for name in _streams}
    await asyncio.gather(
        *(_send(websocket, frames[name], order["seconds"]) for name, websocket in _streams.items())
    )
    return JSONResponse({"sent": count * len(_streams)})


async def _send(websocket: WebSocket, frames: list[str], seconds: float) -> None:
    """At an even pace; what one tick missed the next makes up for."""
    began, sent = time.monotonic(), 0
    while sent < len(frames):
        due = min(len(frames), ceil((time.monotonic() - began) / seconds * len(frames)))
        for frame in frames[sent:due]:
            await websocket.send_text(frame.replace("SENT-AT", f"{time.time():.6f}"))
        sent = due
        await asyncio.sleep(TICK_SECONDS)


def _frames() -> Iterator[str]:
    """Starts and ends in turn, each as text in which only the time of sending is missing."""
    run = uuid4().hex[:12]
    number = 0
    while True:
        yield _frame(run, number, Type.JOB_NEW, "SEVT_JOB_NEW")
        if number >= APART:
            yield _frame(run, number - APART, Type.JOB_COMPLETED, "SEVT_JOB_COMPLETED")
        number += 1


def _frame(run: str, number: int, kind: int, name: str) -> str:
    now = int(time.time())
    job = job_detail(number, now - 600 + number % 300, profiles=PROFILES)
    job["GUID"] = f"{number:08x}-0000-4000-8000-{run}"
    job["SnapshotID"] = "SENT-AT"
    if kind == Type.JOB_NEW:
        counted = {"Counter": 1, "RecievedTime": now, "BytesDone": 9, "ItemsDone": 4, "ItemsTotal": 10}
        job |= {"EndTime": 0, "Status": 6001, "Progress": counted, "CancellationID": uuid4().hex}
    event = {
        "Actor": job["Username"],
        "OwnerOrganizationID": "",
        "ResourceID": job["GUID"],
        "Type": kind,
        "TypeString": name,
        "Timestamp": now,
        "Data": job,
    }
    return json.dumps(event, separators=(",", ":"))


app = Starlette(
    routes=[
        Route("/go", go, methods=["POST"]),
        Route("/{server}/api/v1/admin/account/session-start", session_start, methods=["POST"]),
        Route("/{server}/api/v1/admin/meta/version", meta_version, methods=["POST"]),
        WebSocketRoute("/{server}/api/v1/events/stream", stream),
    ]
)


def main(port: int) -> None:
    config = uvicorn.Config(
        app,
        port=port,
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        log_config=None,
        access_log=False,
    )
    asyncio.run(uvicorn.Server(config).serve())


if __name__ == "__main__":
    main(int(sys.argv[1]))
