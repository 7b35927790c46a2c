"""Where the demo listens, and what its processes are told by environment variables."""

import os
import secrets as random
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from portal.demo import ports, redis_binary
from portal.demo.errors import DemoError
from portal.demo.secrets import DemoSecrets

PLAIN_ADMIN: Final = "admin"
GUARDED_ADMIN: Final = "admin-2fa"
"""An admin of each emulated server who needs a second factor."""


@dataclass(frozen=True, slots=True)
class DemoEnvironment:
    data: Path
    host: str
    port: int
    comet_ports: Mapping[str, int]
    """Procfile name of an emulated Comet Server -> its port."""
    given_redis_url: str
    """Empty: the Procfile's own Redis is started."""
    redis_port: int = field(default_factory=ports.free_port)
    redis_password: str = field(default_factory=random.token_urlsafe, repr=False)

    @classmethod
    def from_os(cls, data: Path) -> Self:
        """Read PORT, HOST, COMET1_PORT, COMET2_PORT and REDIS_URL.

        Raises:
            DemoError: a port is not a port.
        """
        return cls(
            data=data,
            host=os.environ.get("HOST") or "127.0.0.1",
            port=_port("PORT", 8000),
            comet_ports={"comet1": _port("COMET1_PORT", 8060), "comet2": _port("COMET2_PORT", 8061)},
            given_redis_url=os.environ.get("REDIS_URL", ""),
        )

    @property
    def local_host(self) -> str:
        """Where this machine's own processes reach the portal and the emulated servers."""
        return ports.local_host(self.host)

    @property
    def address(self) -> str:
        """The portal, for a browser."""
        return f"http://{ports.browser_host(self.host)}:{self.port}"

    def comet_address(self, name: str) -> str:
        """An emulated Comet Server, for the portal."""
        return f"http://{self.local_host}:{self.comet_ports[name]}"

    def comet_browser_address(self, name: str) -> str:
        """An emulated Comet Server, for a browser."""
        return f"http://{ports.browser_host(self.host)}:{self.comet_ports[name]}"

    def services(self) -> list[str]:
        """The Procfile lines the portal's own processes rely on."""
        return [*self.comet_ports] if self.given_redis_url else ["redis", *self.comet_ports]

    def require_free_ports(self) -> None:
        """Raises DemoError, naming the variable to set, for the first port that cannot be used."""
        wanted = [self.port, *self.comet_ports.values()]
        if len(set(wanted)) < len(wanted):
            raise DemoError("PORT, COMET1_PORT and COMET2_PORT must differ from one another.")
        ports.require_free(self.host, self.port, variable="PORT", purpose="the portal")
        for name, port in self.comet_ports.items():
            variable = f"{name.upper()}_PORT"
            ports.require_free(self.host, port, variable=variable, purpose=f"emulated Comet Server {name}")

    def for_processes(self, secrets: DemoSecrets) -> dict[str, str]:
        """The environment of every process. Writes the files beside it that some of them read."""
        environ = {
            **os.environ,
            "PYTHONUNBUFFERED": "1",
            "PYTHONWARNINGS": "ignore:You're running the worker with superuser",  # Celery; true, and meant
            "PERIHELION_ENV": "demo",
            "PERIHELION_DATA": str(self.data),
            "HOST": self.host,
            "PORT": str(self.port),
            "REDIS_URL": self.given_redis_url,
            "PORTAL_URL": os.environ.get("PORTAL_URL", f"http://127.0.0.1:{self.port}"),
            "ALLOWED_NETWORKS": ",".join(self._networks()),
        }
        folders = [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
        if not self.given_redis_url:
            redis_binary.write_config(self.data / "redis", port=self.redis_port, password=self.redis_password)
            environ["REDIS_URL"] = f"redis://:{self.redis_password}@127.0.0.1:{self.redis_port}/0"
            folders.insert(0, str(redis_binary.redis_directory()))
        environ["PATH"] = os.pathsep.join(folders)
        for name, port in self.comet_ports.items():
            environ[f"{name.upper()}_PORT"] = str(port)
            self._write_flags(name, secrets)
        return environ

    def _networks(self) -> Iterator[str]:
        """The ports of the portal and the emulated servers, and what ALLOWED_NETWORKS says already."""
        yield f"127.0.0.1/32:{self.port}"  # the check of a webhook posts to the portal itself
        yield from (f"127.0.0.1/32:{port}" for port in self.comet_ports.values())
        if given := os.environ.get("ALLOWED_NETWORKS"):
            yield given

    def _write_flags(self, name: str, secrets: DemoSecrets) -> None:
        """What an emulated server is told in a file, since a process list shows arguments."""
        folder = self.data / name
        folder.mkdir(mode=0o700, exist_ok=True)
        guarded = f"{GUARDED_ADMIN}:{secrets.passwords[f'{name}-guarded']}:{secrets.totp_seeds[name]}"
        flags = [
            "--admin",
            f"{PLAIN_ADMIN}:{secrets.passwords[f'{name}-admin']}",
            "--totp-admin",
            guarded,
            "--user-password",
            secrets.passwords[f"{name}-users"],
        ]
        if control_port := os.environ.get(f"{name.upper()}_CONTROL_PORT"):
            flags += ["--control-port", control_port]
        path = folder / "flags"
        path.touch(mode=0o600)
        path.write_text("\n".join(flags) + "\n")


def _port(variable: str, default: int) -> int:
    text = os.environ.get(variable) or str(default)
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise DemoError(f"{variable}={text} is not a port number. Try: make run {variable}={default}")
    return int(text)
