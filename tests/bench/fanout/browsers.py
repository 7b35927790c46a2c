"""Many websockets in one process, each read as cheaply as can be, so that the server is what is measured.

    python -m tests.bench.fanout.browsers URL_FILE STUCK

URL_FILE holds one line per socket: `ws://host:port/path cookie`. The first STUCK of them never read.
Prints `open` once all are, then obeys lines on stdin: `mark` forgets what came so far, `count` says
how much came since, `report` prints it as one JSON line, the end of stdin ends it.
"""

import asyncio
import base64
import json
import os
import socket
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

NO_MASK: Final = bytes(4)
"""A browser has to mask what it sends; by zeros it stays as it is."""

TINY_BUFFER: Final = 4096
"""Bytes that the kernel takes for a socket that is not read."""


class Frames:
    """What all sockets were sent: each distinct text once, with when it came to whom."""

    def __init__(self) -> None:
        self.arrivals: dict[bytes, list[float]] = {}
        self.closed: Counter[int] = Counter()

    def add(self, text: bytes) -> None:
        self.arrivals.setdefault(text, []).append(time.time())


class Browser(asyncio.Protocol):
    """One socket after its handshake; it answers pings. Frames of a server are not masked."""

    def __init__(self, request: bytes, frames: Frames, opened: asyncio.Future[None], is_stuck: bool) -> None:
        self._request = request
        self._frames = frames
        self._opened = opened
        self._is_stuck = is_stuck
        self._buffer = bytearray()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._opened.done():
            head, found, rest = self._buffer.partition(b"\r\n\r\n")
            if not found:
                return
            if b" 101 " not in head.split(b"\r\n", 1)[0]:
                self._opened.set_exception(ConnectionError(head.decode(errors="replace")))
                return
            self._buffer = bytearray(rest)
            self._opened.set_result(None)
            if self._is_stuck:
                self._transport.pause_reading()
        while (payload := self._next()) is not None:
            opcode, text = payload
            if opcode == 8:
                self._frames.closed[int.from_bytes(text[:2], "big")] += 1
                self._transport.close()
                return
            if opcode == 9:
                self._transport.write(bytes([0x8A, 0x80 | len(text)]) + NO_MASK + text)
            if opcode in (1, 2):
                self._frames.add(text)

    def _next(self) -> tuple[int, bytes] | None:
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        length, start = buffer[1] & 127, 2
        if length == 126:
            length, start = int.from_bytes(buffer[2:4], "big"), 4
        elif length == 127:
            length, start = int.from_bytes(buffer[2:10], "big"), 10
        if len(buffer) < start + length:
            return None
        opcode, text = buffer[0] & 15, bytes(buffer[start : start + length])
        del buffer[: start + length]
        return opcode, text


async def main(lines: list[str], stuck: int) -> None:
    loop = asyncio.get_running_loop()
    frames = Frames()
    for number, line in enumerate(lines):
        url, cookie = line.split(" ", 1)
        await _open(loop, url, cookie, frames, is_stuck=number < stuck)
    print("open", flush=True)
    while order := (await loop.run_in_executor(None, sys.stdin.readline)).strip():
        if order == "mark":
            frames.arrivals.clear()
            print("marked", flush=True)
        elif order == "count":
            print(sum(len(times) for times in frames.arrivals.values()), flush=True)
        elif order == "report":
            told = {
                "frames": [[text.decode(), times] for text, times in frames.arrivals.items()],
                "closed": dict(frames.closed),
            }
            print(json.dumps(told), flush=True)


async def _open(
    loop: asyncio.AbstractEventLoop, url: str, cookie: str, frames: Frames, *, is_stuck: bool
) -> None:
    parts = urlsplit(url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    request = (
        f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nOrigin: http://{parts.netloc}\r\n"
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\nCookie: {cookie}\r\n\r\n"
    )
    opened: asyncio.Future[None] = loop.create_future()
    ours = socket.socket()
    if is_stuck:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, TINY_BUFFER)
    ours.setblocking(False)
    await loop.sock_connect(ours, (parts.hostname, parts.port))
    await loop.create_connection(lambda: Browser(request.encode(), frames, opened, is_stuck), sock=ours)
    async with asyncio.timeout(20):
        await opened


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]).read_text().splitlines(), int(sys.argv[2])))
