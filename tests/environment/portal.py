"""The portal as `make run` starts it: every process, in a folder of its own, on free ports."""

import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

from portal.demo import secrets
from portal.demo.children import end_with_parent, stop
from portal.demo.environment import GUARDED_ADMIN, PLAIN_ADMIN
from portal.demo.ports import free_port

ROOT: Final = Path(__file__).resolve().parents[2]
READY: Final = "Perihelion is ready"
READY_SECONDS: Final = 120.0
NOT_INHERITED: Final = (
    "DATABASE_URL",
    "REDIS_URL",
    "SECRET_KEY",
    "ENCRYPTION_KEYS",
    "AUDIT_KEY",
    "DJANGO_SETTINGS_MODULE",
)


class PortalDidNotStart(Exception):
    """`manage.py run` ended, or printed no banner in time; holds what it said."""


class EmulatedServer:
    """Where one of its emulated Comet Servers is, who its admins are, and its control plane."""

    def __init__(self, name: str, port: int, control_port: int, demo: secrets.DemoSecrets) -> None:
        self.name = name
        self.url = f"http://127.0.0.1:{port}"
        self.control_url = f"http://127.0.0.1:{control_port}"
        self.admin = PLAIN_ADMIN
        self.password = demo.passwords[f"{name}-admin"]
        self.guarded_admin = GUARDED_ADMIN
        self.guarded_password = demo.passwords[f"{name}-guarded"]
        self.totp_seed = demo.totp_seeds[name]
        self.user_password = demo.passwords[f"{name}-users"]


class RunningPortal:
    """Use as a context: ready when entered, every process ended when left.

    People may link whatever listens on this machine. Its log is kept in `log_path`. The database is SQLite in
    `data` unless a `database_url` is given.
    """

    def __init__(
        self,
        data: Path,
        log_path: Path,
        database_url: str = "",
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._settings = dict(settings or {})
        self.data = data
        self._database = {"DATABASE_URL": database_url} if database_url else {}
        self.log_path = log_path
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._ports = {name: free_port() for name in ("COMET1", "COMET1_CONTROL", "COMET2", "COMET2_CONTROL")}
        self._lines: deque[str] = deque(maxlen=400)
        self._ready = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        inherited = {key: value for key, value in os.environ.items() if key not in NOT_INHERITED}
        self._process = subprocess.Popen(
            [sys.executable, "manage.py", "run"],
            cwd=ROOT,
            env={
                **inherited,
                "PERIHELION_ENV": "demo",
                "PERIHELION_DATA": str(self.data),
                "HOST": "127.0.0.1",
                "PORT": str(self.port),
                "ALLOWED_NETWORKS": "127.0.0.0/8",
                **self._database,
                **self._settings,
                **{f"{name}_PORT": str(port) for name, port in self._ports.items()},
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=end_with_parent,
        )
        self._reader.start()
        self._ready.wait(READY_SECONDS)
        if READY not in self.log_tail():
            self.__exit__()
            raise PortalDidNotStart(self.log_tail())
        demo = secrets.load(self.data)
        self.sign_ins = {key: (f"{key}@demo.example", demo.passwords[key]) for key in secrets.PEOPLE}
        self.comet1, self.comet2 = (
            EmulatedServer(name, self._ports[name.upper()], self._ports[f"{name.upper()}_CONTROL"], demo)
            for name in ("comet1", "comet2")
        )
        return self

    def __exit__(self, *_: object) -> None:
        stop(self._process, timeout_seconds=30)
        self._reader.join(timeout=5)

    @property
    def pid(self) -> int:
        """The process that started all others."""
        return self._process.pid

    def wait(self) -> int:
        """The exit status, once it has ended and all it said is read."""
        status = self._process.wait(60)
        self._reader.join(timeout=5)
        return status

    def log_tail(self) -> str:
        """The last few hundred lines of all processes."""
        return "".join(tuple(self._lines))

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self.log_path.open("w") as log:
            for line in self._process.stdout:
                text = line.decode(errors="replace")
                self._lines.append(text)
                log.write(text)
                if READY in text:
                    self._ready.set()
        self._ready.set()  # it ended: there is nothing more to wait for
