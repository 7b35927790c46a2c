"""Starts the three servers that are compared, and the browsers, each as a process of its own on loopback."""

import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Final

from honcho.environ import parse_procfile

from portal.demo.children import end_with_parent, stop
from portal.demo.ports import free_port
from tests.environment.portal import ROOT

HERE: Final = Path(__file__).parent
WS_VERSION: Final = "8.18.3"
START_SECONDS: Final = 30.0


class Server:
    """A process that listens on `port`."""

    def __init__(self, command: list[str], port: int, folder: Path | None = None) -> None:
        self.port = port
        self._process = subprocess.Popen(
            command, cwd=folder, start_new_session=True, preexec_fn=end_with_parent, stdout=subprocess.DEVNULL
        )
        self.pid = self._process.pid

    def wait_until_it_listens(self) -> None:
        until = time.monotonic() + START_SECONDS
        while self._process.poll() is None and time.monotonic() < until:
            connection = HTTPConnection("127.0.0.1", self.port, timeout=1)
            with suppress(OSError):
                connection.connect()
                connection.close()
                return
            time.sleep(0.05)
        raise RuntimeError(f"{self._process.args!r} does not listen on port {self.port}")

    def stop(self) -> None:
        stop(self._process)


@contextmanager
def python_server(application: str) -> Iterator[Server]:
    """uvicorn with the Procfile's flags, whatever it serves: all Python servers have the same ground."""
    port = free_port()
    words = shlex.split(parse_procfile((ROOT / "Procfile").read_text()).processes["web"])
    flags = words[words.index("--loop") :]
    command = [sys.executable, "-m", "uvicorn", application, "--port", str(port), *flags]
    yield from _running(Server(command, port))


@contextmanager
def node_server(folder: Path) -> Iterator[Server]:
    """Node's `ws`, installed into `folder`."""
    subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund", "--silent", f"ws@{WS_VERSION}"],
        cwd=folder,
        check=True,
        timeout=120,
    )
    script = folder / "node_peer.mjs"
    script.write_text((HERE / "node_peer.mjs").read_text())
    port = free_port()
    yield from _running(Server(["node", str(script), str(port)], port, folder))


@contextmanager
def open_browsers(
    folder: Path, server: Server, path: str, cookies: list[str], stuck: int
) -> Iterator[Callable[[str], str]]:
    """Sockets open to `server`; what is yielded gives an order and returns the answer."""
    urls = folder / "urls"
    urls.write_text("".join(f"ws://127.0.0.1:{server.port}{path} {cookie}\n" for cookie in cookies))
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.fanout.browsers", str(urls), str(stuck)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    stdin, stdout = process.stdin, process.stdout
    try:
        if stdout.readline().strip() != "open":
            raise RuntimeError("the browsers could not connect")

        def ask(order: str) -> str:
            stdin.write(f"{order}\n")
            stdin.flush()
            return stdout.readline()

        yield ask
    finally:
        process.kill()
        process.wait()


def _running(server: Server) -> Iterator[Server]:
    try:
        server.wait_until_it_listens()
        yield server
    finally:
        server.stop()
