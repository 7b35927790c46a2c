"""An emulated Comet Server as a process of its own, for every test that needs one.

    with start_emulator(users=5) as emulator:
        emulator.call("admin/list-users")

It listens on free ports, is ready when this returns (it prints a line once its ports are open), and keeps its
data in a folder of its own, so that `restart` shows the server as a real restart would.
"""

import selectors
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests

from tests.marks import MARK, marked

ROOT = Path(__file__).resolve().parent.parent
READY_WITHIN_SECONDS = 30
USER_PASSWORD = marked("end-user")
"""Of every end user an emulator begins with."""

CALL_SECONDS = 20


@dataclass(frozen=True)
class Admin:
    """A name and password the emulator knows."""

    name: str = "admin"
    password: str = marked("emulator-admin")


class EmulatorProcess:
    """A running emulator. `url` and `control` stay the same over `restart`."""

    def __init__(self, admin: Admin, arguments: list[str], environment: dict[str, str] | None = None) -> None:
        self.admin = admin
        self._arguments = arguments
        self._environment = environment
        self._folder = tempfile.TemporaryDirectory(prefix="emulator-")
        self._process: subprocess.Popen[str] | None = None
        self.url = ""
        self.control = ""
        self.account = ""
        self._start(port=0, control_port=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        return self._running().pid

    @property
    def data(self) -> Path:
        """The folder of its data."""
        return Path(self._folder.name)

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def stream_url(self) -> str:
        return self.url.replace("http", "ws", 1) + "/api/v1/events/stream"

    def stop(self) -> None:
        """End it politely and forget its data."""
        self._end(force=False)
        self._folder.cleanup()

    def kill(self) -> None:
        """End it at once, as a crash would; `restart` brings it back."""
        self._end(force=True)

    def restart(self) -> None:
        """Start it again, at the same ports, with the data it left; ends it first if it still runs."""
        self._end(force=False)
        self._start(port=self.port, control_port=int(self.control.rpartition(":")[2]))

    @contextmanager
    def restarting(self) -> Iterator[None]:
        """The block makes the server restart by a call; it is up again when this returns."""
        before = self.order("state")["start_hash"]
        yield
        self.order("up", after=before)

    def call(self, path: str, *, host: str | None = None, **parameters: Any) -> Any:
        """Decoded answer of an API method, as the top-level admin unless credentials are given."""
        return self.post(path, host=host, **parameters).json()

    def post(self, path: str, *, host: str | None = None, **parameters: Any) -> requests.Response:
        """An API call's whole answer. `path` is what follows /api/v1/; `host` becomes the Host header."""
        form = {"Username": self.admin.name, "AuthType": "Password", "Password": self.admin.password}
        headers = {"Host": f"{host}:{self.port}"} if host else {}
        url = f"{self.url}/api/v1/{path}"
        return requests.post(url, data={**form, **parameters}, headers=headers, timeout=CALL_SECONDS)

    def order(self, path: str, **body: Any) -> Any:
        """Give the control plane an order; GET /state with no body."""
        url = f"{self.control}/{path}"
        if path == "state":
            return requests.get(url, timeout=CALL_SECONDS).json()
        response = requests.post(url, json=body, timeout=CALL_SECONDS)
        response.raise_for_status()
        return response.json()

    def _start(self, *, port: int, control_port: int) -> None:
        ports = ["--port", str(port), "--control-port", str(control_port)]
        account = ["--admin", f"{self.admin.name}:{self.admin.password}", "--data", self._folder.name]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "comet.emulator", *ports, *account, *self._arguments],
            cwd=ROOT,
            env=self._environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        words = self._ready_line().split()
        told = dict(zip(words[::2], words[1::2], strict=True))
        self.url, self.control, self.account = told["ready"], told["control"], told.get("account", "")

    def _ready_line(self) -> str:
        process = self._running()
        assert process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            if not selector.select(READY_WITHIN_SECONDS):
                self._end(force=True)
                raise TimeoutError("the emulator did not become ready")
        line = process.stdout.readline()
        if not line.startswith("ready "):
            raise RuntimeError(f"the emulator ended with status {process.wait()}")
        return line

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            raise RuntimeError("the emulator is not running")
        return self._process

    def _end(self, *, force: bool) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if force:
            process.kill()
        else:
            process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def start_emulator(
    *, admin: Admin | None = None, extra: list[str] | None = None, **flags: Any
) -> EmulatorProcess:
    """Start one. `flags` are the emulator's own, with underscores: users=5, live_jobs_per_minute=0.

    Small and quiet unless told otherwise: 8 users, 40 jobs a day for 10 days, 2 organizations, no live jobs.
    """
    defaults: dict[str, Any] = {
        "users": 8,
        "jobs_per_day": 40,
        "days": 10,
        "organizations": 2,
        "seed": 7,
        "live_jobs_per_minute": 0,
        "secret_mark": MARK,
        "user_password": USER_PASSWORD,
    }
    arguments = list(extra or [])
    for name, value in {**defaults, **flags}.items():
        arguments += [f"--{name.replace('_', '-')}", str(value)]
    return EmulatorProcess(admin or Admin(), arguments)
