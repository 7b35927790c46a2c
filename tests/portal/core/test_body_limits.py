"""Bodies that are too long, sent to the real server: refused before they are read to their end."""

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest
import uvicorn

from portal.core.body_limits import LONGER, USUAL_BYTES, BodyLimits, limit_for

PATIENCE_SECONDS = 10


async def echo_length(scope, receive, send):
    """As Django does: the whole body first, nothing for who has gone."""
    length, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        length, more = length + len(message["body"]), message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"connection", b"close")]})
    await send({"type": "http.response.body", "body": str(length).encode()})


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(BodyLimits(echo_length), http="httptools", lifespan="off", log_level="error")
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
    thread.start()
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join(PATIENCE_SECONDS)


def answer_to(port: int, head: str, body: bytes = b"") -> tuple[str, str]:
    """Status line and text of the answer to a request that is written by hand."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS) as line:
        line.sendall(f"{head}\r\nHost: x\r\n\r\n".encode())
        line.sendall(body)
        received = b""
        while part := line.recv(65_536):
            received += part
    head_bytes, _, text = received.partition(b"\r\n\r\n")
    return head_bytes.decode().splitlines()[0], text.decode()


def test_a_declared_length_is_refused_before_a_byte_is_sent(port):
    status, text = answer_to(port, f"POST / HTTP/1.1\r\nContent-Length: {USUAL_BYTES + 1}")

    assert status.startswith("HTTP/1.1 413")
    assert "longer than the portal takes" in text


def test_a_body_of_just_the_limit_goes_through(port):
    status, text = answer_to(port, f"POST / HTTP/1.1\r\nContent-Length: {USUAL_BYTES}", b"x" * USUAL_BYTES)

    assert (status.split()[1], str(USUAL_BYTES) in text) == ("200", True)


def test_a_chunked_body_is_refused_when_it_has_grown_too_long(port):
    """It never ends: without the limit there would be no answer."""
    chunks = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    chunks = chunks * (USUAL_BYTES // 0x10000) + b"1\r\nx\r\n"

    status, _ = answer_to(port, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked", chunks)

    assert status.startswith("HTTP/1.1 413")


def test_a_short_chunked_body_goes_through(port):
    status, text = answer_to(port, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked", b"3\r\nabc\r\n0\r\n\r\n")

    assert status.split()[1] == "200"
    assert "3" in text


def test_webhooks_may_be_longer(port):
    path, limit = next(iter(LONGER.items()))

    assert answer_to(port, f"POST {path}x/ HTTP/1.1\r\nContent-Length: {limit + 1}")[0].split()[1] == "413"
    assert limit_for(f"{path}x/") == limit > limit_for("/hooks/") == USUAL_BYTES
