"""The live events of one Comet Server, over a websocket.

Events come in order while the stream lives, and nothing is replayed: after each new stream, read what
may have changed meanwhile.
"""

import asyncio
import logging
import socket
from collections.abc import AsyncGenerator, Iterable
from typing import Any, Self
from urllib.parse import SplitResult

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidStatus,
    ProxyError,
    WebSocketException,
)

from comet import errors
from comet.auth import Credential
from comet.dial import AddressGuard, GuardRefused, resolve, tls_context
from comet.frames import LARGE_CHARACTERS, BadFrame, StreamedEvent, read_event
from comet.keepalive import keep_alive
from comet.transport import causes_of, check_proxy, explain, parse_address

__all__ = ["LARGE_CHARACTERS", "METHOD", "PATH", "BadFrame", "EventStream", "StreamedEvent", "read_event"]

PATH = "/api/v1/events/stream"
METHOD = "events/stream"  # how errors name it
_FRAMES = ("Username", "AuthType", "Password", "SessionKey", "TOTP")
_ACCEPTED = "200 OK"
_REFUSED = "403 Unauth"
_MESSAGE_TOO_BIG = 1009  # close code

# At DEBUG the library writes frames, and the first of them hold the credential.
_library_logger = logging.getLogger("comet.stream.websocket")
_library_logger.setLevel(logging.INFO)


class EventStream:
    """The event stream of one server, as an async context manager and iterator.

        async with EventStream(url, SessionKey("admin", key)) as stream:
            async for item in stream:
                if isinstance(item, StreamedEvent): ...

    `host` is sent as Host header, for the host name of an organization. `allow_list` holds the types of
    events wanted, all when None. `open_timeout` covers everything up to the server's consent,
    `idle_timeout` one silence, `ping_interval` the pause between pings, and the answer to one; all in
    seconds. `proxy` is as in `CometClient`. Iterating never ends by itself: it raises.

    Raises:
        Forbidden: the credential was refused.
        NotComet: something else answered; a redirect is not followed.
        Timeout: opening took too long, or the stream was silent for `idle_timeout`.
        BodyTooLarge: a frame was longer than `max_frame_bytes`.
        ConnectionFailed: one of its other kinds; the stream could not be opened, or it broke.
    """

    def __init__(
        self,
        url: str,
        credential: Credential,
        *,
        host: str | None = None,
        allow_list: Iterable[int] | None = None,
        open_timeout: float = 10.0,
        idle_timeout: float = 300.0,
        ping_interval: float | None = 20.0,
        max_frame_bytes: int = 16 * 1024 * 1024,
        address_guard: AddressGuard | None = None,
        ca_file: str | None = None,
        proxy: str | None = None,
    ) -> None:
        if proxy is not None and (address_guard is not None or host is not None):
            raise ValueError("a proxy connects where it likes: it goes with neither a guard nor another host")
        self._address = parse_address(url)
        self._proxy = None if proxy is None else check_proxy(proxy)
        self.url = f"{self._address.scheme}://{self._address.netloc}{self._address.path.rstrip('/')}"
        self._credential = credential
        self._host = host
        self._allow_list = None if allow_list is None else tuple(allow_list)
        self._open_timeout = open_timeout
        self._idle_timeout = idle_timeout
        self._ping_interval = ping_interval
        self._max_frame_bytes = max_frame_bytes
        self._guard = address_guard
        self._ca_file = ca_file
        self._socket: ClientConnection | None = None
        self._pings: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"EventStream({self.url!r})"

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self) -> None:
        """Connect and sign in, for who cannot use `async with`."""
        try:
            async with asyncio.timeout(self._open_timeout):
                self._socket = await self._open()
        except TimeoutError as problem:
            raise self._error(errors.Timeout, "the event stream did not open in time") from problem
        if self._ping_interval is not None:
            self._pings = asyncio.create_task(keep_alive(self._socket, self._ping_interval))

    async def close(self) -> None:
        """End the connection, if there is one."""
        if self._pings is not None:
            self._pings.cancel()
            self._pings = None
        if self._socket is not None:
            await self._socket.close()
            self._socket = None

    async def __aiter__(self) -> AsyncGenerator[StreamedEvent | BadFrame, None]:
        while True:
            yield read_event(await self._receive(self._connected()))

    async def _receive(self, websocket: ClientConnection) -> str:
        try:
            async with asyncio.timeout(self._idle_timeout):
                frame = await websocket.recv()
        except TimeoutError as problem:
            raise self._error(errors.Timeout, f"silent for {self._idle_timeout:g} seconds") from problem
        except ConnectionClosed as problem:
            if problem.sent is not None and problem.sent.code == _MESSAGE_TOO_BIG:
                raise self._error(
                    errors.BodyTooLarge, f"a frame is longer than the {self._max_frame_bytes} bytes allowed"
                ) from problem
            raise self._error(errors.ConnectionFailed, "the event stream was closed") from problem
        return frame if isinstance(frame, str) else frame.decode("utf-8", "replace")

    def _connected(self) -> ClientConnection:
        if self._socket is None:
            raise RuntimeError("an EventStream is read inside `async with`")
        return self._socket

    async def _open(self) -> ClientConnection:
        secure = self._address.scheme == "https"
        options = self._tls(secure)
        try:
            if self._proxy is None:
                options["sock"] = await self._dial(
                    self._address.hostname or "", self._address.port or (443 if secure else 80)
                )
            websocket = await connect(
                self._websocket_uri(secure),
                **options,
                proxy=self._proxy,
                compression=None,
                open_timeout=None,
                close_timeout=2,
                ping_interval=None,  # `keep_alive` sends them
                max_size=self._max_frame_bytes,
                logger=_library_logger,
            )
        except TimeoutError:
            raise
        except (OSError, GuardRefused, WebSocketException, ValueError) as problem:
            raise self._opening_error(problem) from problem
        try:
            await self._present_credential(websocket)
        except BaseException:
            await websocket.close()
            raise
        return websocket

    async def _dial(self, host: str, port: int) -> socket.socket:
        """A socket connected to the first address that answers, each of them allowed by the guard."""
        loop = asyncio.get_running_loop()
        problem: OSError | None = None
        for family, address in await asyncio.to_thread(resolve, host, port, self._guard):
            sock = socket.socket(family, socket.SOCK_STREAM)
            try:
                sock.setblocking(False)
                await loop.sock_connect(sock, address)
                return sock
            except OSError as error:
                sock.close()
                problem = error
            except BaseException:
                sock.close()
                raise
        raise problem or OSError(f"no address for {host}")

    def _websocket_uri(self, secure: bool) -> str:
        """Where to ask. The name in it becomes the Host header; the socket is connected already."""
        address: SplitResult = self._address
        query = "" if self._allow_list is None else f"?allowList={','.join(map(str, self._allow_list))}"
        netloc = self._host or address.netloc
        return f"{'wss' if secure else 'ws'}://{netloc}{address.path.rstrip('/')}{PATH}{query}"

    def _tls(self, secure: bool) -> dict[str, Any]:
        if not secure:
            return {}
        return {"ssl": tls_context(self._ca_file), "server_hostname": self._address.hostname}

    async def _present_credential(self, websocket: ClientConnection) -> None:
        values = self._credential.form()
        try:
            for name in _FRAMES:
                await websocket.send(values.get(name, ""))
        except ConnectionClosed as problem:
            raise self._error(errors.ConnectionFailed, "the event stream was closed") from problem
        answer = await self._receive(websocket)
        if answer == _REFUSED:
            raise self._error(errors.Forbidden, "the credential was refused", status=403)
        if answer != _ACCEPTED:
            raise self._error(errors.NotComet, "did not answer the sign-in as a Comet Server does")

    def _opening_error(self, problem: Exception) -> errors.CometError:
        for cause in causes_of(problem):
            if isinstance(cause, InvalidStatus):
                status = cause.response.status_code
                kind: type[errors.CometError] = errors.NotComet
                if status >= 500:
                    kind = errors.ServerError
                elif status in (401, 403):
                    kind = errors.Forbidden
                error = self._error(kind, "does not offer an event stream here", http_status=status)
                if isinstance(error, errors.NotComet):
                    error.location = cause.response.headers.get("Location")
                return error
        if isinstance(problem, ProxyError):
            return self._error(errors.ConnectionFailed, "the proxy did not let the connection through")
        if isinstance(problem, InvalidHandshake):
            return self._error(errors.NotComet, "did not answer as a websocket")
        kind, message = explain(problem)
        return self._error(kind, message)

    def _error(
        self,
        kind: type[errors.CometError],
        message: str,
        *,
        http_status: int | None = None,
        status: int | None = None,
    ) -> errors.CometError:
        return kind(message, server=self.url, method=METHOD, http_status=http_status, status=status)
