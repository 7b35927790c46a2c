"""An emulator of each test module, and readers of its event stream."""

import contextlib
import json
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

from tests.emulator_process import EmulatorProcess, start_emulator

EVENT_WITHIN_SECONDS = 10
START_AT = (
    1_750_000_000  # the same virtual time for every run: which jobs run and who is online is then known
)


class Stream:
    """A signed-in reader of events."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    def read(self) -> dict[str, Any]:
        """The next event."""
        return json.loads(self.connection.recv(timeout=EVENT_WITHIN_SECONDS))

    def wait_for(self, *types: int, resource_id: str | None = None) -> dict[str, Any]:
        """The next event of one of these types, of one resource if given; others are passed over."""
        while True:
            event = self.read()
            if event["Type"] in types and resource_id in (None, event.get("ResourceID")):
                return event


OpenStream = Callable[..., Stream]


@pytest.fixture(scope="module")
def emulator() -> Iterator[EmulatorProcess]:
    with start_emulator(start_at=START_AT) as process:
        yield process


@pytest.fixture
def open_stream(emulator: EmulatorProcess) -> Iterator[OpenStream]:
    """Opens a stream, signs in by password unless told otherwise, and reads past the hello."""
    with contextlib.ExitStack() as stack:

        def open_one(*, allow_list: str = "", host: str = "", **credentials: str) -> Stream:
            frames = {
                "username": emulator.admin.name,
                "auth_type": "Password",
                "password": emulator.admin.password,
            }
            frames |= credentials
            connection = connect_to(stack, emulator, allow_list, host)
            for name in ("username", "auth_type", "password", "session_key", "totp"):
                connection.send(frames.get(name, ""))
            assert connection.recv(timeout=EVENT_WITHIN_SECONDS) == "200 OK"
            stream = Stream(connection)
            assert stream.read()["Type"] == 4000
            return stream

        yield open_one


def connect_to(
    stack: contextlib.ExitStack, emulator: EmulatorProcess, allow_list: str = "", host: str = ""
) -> ClientConnection:
    """A websocket to the stream, before any frame is sent. `host` becomes the Host header."""
    query = f"?allowList={allow_list}" if allow_list else ""
    address = emulator.stream_url
    if host:
        address = address.replace("127.0.0.1", host)
    reached = socket.create_connection(("127.0.0.1", emulator.port))
    connection = connect(address + query, max_size=None, sock=reached)
    return stack.enter_context(connection)
