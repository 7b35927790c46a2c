"""The portal's websocket side on a real uvicorn, in a thread; browsers are plain websocket clients."""

import asyncio
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from html import unescape
from typing import Any, Self
from urllib.parse import quote

import pytest
import uvicorn
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import connections
from django.test import Client
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from portal.live.hub import BEAT, hub_of_this_process
from tests.cast import Person

PATIENCE_SECONDS = 30
QUIET_SECONDS = 0.6
"""Three ticks: what was not sent by then is not sent."""


@dataclass(frozen=True)
class Frame:
    """One message of the hub."""

    html: str

    @property
    def marks(self) -> dict[str, Any]:
        found = re.search(r'data-marks="([^"]*)"', self.html)
        return json.loads(unescape(found[1])) if found else {}


class Browser:
    """One open page: what it was sent, and how it was closed."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    def frame(self) -> Frame:
        """The next frame."""
        return Frame(str(self.socket.recv(timeout=PATIENCE_SECONDS)))

    def frame_with(self, text: str) -> Frame:
        """The next frame that holds `text`; others are skipped."""
        until = time.monotonic() + PATIENCE_SECONDS
        while text not in (frame := self._frame_until(until)).html:
            continue
        return frame

    def all_frames(self, *awaited: str) -> str:
        """Everything sent until these texts have come, and then until it has been quiet for three ticks; but
        for the heartbeat.
        """
        frames: list[str] = []
        until = time.monotonic() + PATIENCE_SECONDS
        with suppress(TimeoutError):
            while True:
                is_quiet = all(any(text in frame for frame in frames) for text in awaited)
                frames.append(self._frame_until(time.monotonic() + QUIET_SECONDS if is_quiet else until).html)
        return "\n".join(frame for frame in frames if frame != BEAT)

    def _frame_until(self, until: float) -> Frame:
        """The next frame, if it comes by then: the heartbeat comes for ever."""
        return Frame(str(self.socket.recv(timeout=max(0.0, until - time.monotonic()))))

    def close_code(self) -> int:
        """The code the server closed with; frames before it are skipped."""
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                self.socket.recv(timeout=PATIENCE_SECONDS)
        assert closed.value.rcvd is not None
        return closed.value.rcvd.code


class _Server(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config, listening: threading.Event) -> None:
        super().__init__(config)
        self._listening = listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._listening.set()


class LivePortal:
    """Use as a context. `ping_seconds` is how often the web server pings its browsers."""

    def __init__(self, ping_seconds: float = 20.0) -> None:
        self._ping_seconds = ping_seconds

    def __enter__(self) -> Self:
        from portal.asgi import application

        self._application = application
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="live-portal")
        self._thread.start()
        assert self._started.wait(PATIENCE_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(PATIENCE_SECONDS)

    @contextmanager
    def open(
        self,
        person: Person | None,
        topics: str,
        *,
        client: Client | None = None,
        port: int = 0,
        **headers: str,
    ) -> Iterator[Browser]:
        """A page of `person` (None: not signed in) with these topics, in the session of `client`; through
        what listens on another `port`, if one is given.
        """
        port = port or self.port
        if person is not None:
            key = (client or person.client()).cookies[settings.SESSION_COOKIE_NAME].value
            headers["Cookie"] = f"{settings.SESSION_COOKIE_NAME}={key}"
        headers.setdefault("Origin", f"http://127.0.0.1:{port}")
        with connect(
            f"ws://127.0.0.1:{port}/ws/live/?topics={quote(topics, safe=',:')}",
            additional_headers=headers,
            compression=None,
            proxy=None,
            close_timeout=1,  # some have stopped reading, and never say goodbye
        ) as connection:
            yield Browser(connection)

    @contextmanager
    def joined(
        self, person: Person | None, topics: str, *, client: Client | None = None, port: int = 0
    ) -> Iterator[Browser]:
        """As `open`, once the hub has said its first word to it: that the page may be old."""
        with self.open(person, topics, client=client, port=port) as browser:
            assert browser.frame_with("live-marks").marks["refresh"] is True
            yield browser

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def port(self) -> int:
        return int(self._server.servers[0].sockets[0].getsockname()[1])

    def run(self, work: Any) -> Any:
        """The result of a coroutine function, run on the portal's loop."""
        return asyncio.run_coroutine_threadsafe(work(), self._loop).result(PATIENCE_SECONDS)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        config = uvicorn.Config(
            self._application,
            port=0,
            ws="websockets-sansio",
            ws_per_message_deflate=False,
            ws_max_size=4096,  # as in the Procfile
            ws_ping_interval=self._ping_seconds,
            log_config=None,
            lifespan="off",
        )
        self._server = _Server(config, self._started)
        await self._server.serve()
        await hub_of_this_process().stop()
        await sync_to_async(connections.close_all)()
