"""CPU time of a small call over TLS: the client, beside a bare `requests.Session` and `requests.post`.

50 servers in one process answer with a version record; each way makes 800 calls, 16 to each server, in
a process of its own; the ways take turns three times and the median counts.
"""

import asyncio
import json
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.bench.harness import Result
from tests.comet.certificates import self_signed

SERVERS: Final = 50
CALLS: Final = 800
ROUNDS: Final = 3
ROOT: Final = Path(__file__).resolve().parents[2]
BODY: Final = json.dumps(
    {
        "VersionCodename": "Voyager",
        "Version": "25.9.8",
        "AuthenticationRole": True,
        "SoftwareBuildRole": True,
        "StorageRole": True,
        "ServerStartTime": 1_790_000_000,
        "ServerStartHash": "f" * 32,
        "CurrentTime": 1_790_000_100,
        "ServerLicenseHash": "a" * 32,
        "LicenseValidUntil": 1_799_999_999,
    }
).encode()
ANSWER: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY
)


SMALL: Final = {"servers": 2, "rounds": 1, "calls": 4}


def run(servers: int = SERVERS, rounds: int = ROUNDS, calls: int = CALLS) -> Iterator[Result]:
    with tempfile.TemporaryDirectory(prefix="bench-comet-") as folder:
        certificate = self_signed(Path(folder, "server.pem"))
        with _serving(certificate, servers) as urls:
            measured: dict[str, list[float]] = {"comet": [], "session": [], "post": []}
            for _ in range(rounds):
                for way, values in measured.items():
                    values.append(_cpu_per_call(way, calls, certificate, urls))
    milliseconds = {way: statistics.median(values) * 1000 for way, values in measured.items()}
    yield Result("comet.call-cpu", milliseconds["comet"], "ms", milliseconds["session"], "bare-session")
    yield Result("comet.call-cpu", milliseconds["comet"], "ms", milliseconds["post"], "requests.post")


def _cpu_per_call(way: str, calls: int, certificate: str, urls: list[str]) -> float:
    command = [sys.executable, "-m", "tests.bench.comet_calls", way, str(calls), certificate, *urls]
    seconds: float = json.loads(subprocess.check_output(command, cwd=ROOT))
    return seconds


@contextmanager
def _serving(certificate: str, count: int) -> Iterator[list[str]]:
    """The addresses of servers that answer every request with the same version record."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    loop = asyncio.new_event_loop()

    async def open_ports() -> list[asyncio.Server]:
        return [await asyncio.start_server(_answer, "127.0.0.1", 0, ssl=context) for _ in range(count)]

    servers = loop.run_until_complete(open_ports())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield [f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}" for server in servers]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        for server in servers:
            server.close()
        loop.close()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                int(line.split(b":")[1])
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length:")
            )
            await reader.readexactly(length)
            writer.write(ANSWER)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()
