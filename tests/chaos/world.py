"""A whole portal with its Comet Servers: the Procfile's processes, each known by its pid.

Two relays share the servers. Every other server also posts its events as webhooks.
"""

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import requests
from honcho.environ import parse_procfile

from portal.demo import secrets
from portal.demo.environment import PLAIN_ADMIN, DemoEnvironment
from portal.demo.ports import answers, free_port
from tests.chaos.client import PortalClient
from tests.chaos.comet_server import CometServer
from tests.chaos.database import Database
from tests.chaos.processes import Processes
from tests.environment.portal import NOT_INHERITED, ROOT
from tests.environment.postgres import Postgres, running_postgres

READY_SECONDS: Final = 120.0
HOST: Final = "127.0.0.1"
SIZE: Final = ("--users", "12", "--jobs-per-day", "60", "--days", "3", "--live-jobs-per-minute", "0")
HAS_WEBHOOK: Final = 2
"""Every how many-eth server posts its events as well."""


@dataclass(frozen=True)
class Plan:
    """What kind of world."""

    folder: Path
    servers: int = 4
    relays: int = 2
    on_postgres: bool = True


class World:
    """Use as a context: everything runs, is linked and synced when entered; nothing is left behind."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.data = plan.folder / "data"
        self.postgres: Postgres | None = None
        self.comets: list[CometServer] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            if self.plan.on_postgres:
                self.postgres = stack.enter_context(running_postgres())
            self._set_up(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _set_up(self, stack: ExitStack) -> None:
        secrets.prepare(self.data)
        known = secrets.load(self.data)
        numbers = range(1, self.plan.servers + 1)
        ports = {f"comet{number}": free_port() for number in numbers}
        demo = DemoEnvironment(self.data, HOST, free_port(), {name: ports[name] for name in ports}, "")
        controls = {name: free_port() for name in ports}
        for name in ports:  # one password for all: their keeper knows two servers
            known.passwords[f"{name}-admin"] = known.passwords["comet1-admin"]
            known.passwords[f"{name}-guarded"] = known.passwords["comet1-guarded"]
            known.passwords[f"{name}-users"] = known.passwords["comet1-users"]
            known.totp_seeds[name] = known.totp_seeds["comet1"]
        url = self.postgres.url if self.postgres else ""
        environ = demo.for_processes(known)
        redis_url = environ["REDIS_URL"]
        for name in NOT_INHERITED:
            environ.pop(name, None)
        environ |= {"REDIS_URL": redis_url, "ALLOWED_NETWORKS": "127.0.0.0/8", "PYTHONFAULTHANDLER": "1"}
        if url:
            environ["DATABASE_URL"] = url
        for name, control in controls.items():
            flags = self.data / name / "flags"
            flags.write_text(flags.read_text() + "\n".join(["--control-port", str(control), *SIZE]) + "\n")
        self.url = f"http://{HOST}:{demo.port}"
        self.database = Database(self.data, url)
        self.comets = [
            CometServer(
                name,
                f"http://{HOST}:{ports[name]}",
                f"http://{HOST}:{controls[name]}",
                PLAIN_ADMIN,
                known.passwords[f"{name}-admin"],
            )
            for name in ports
        ]
        self.processes = stack.enter_context(
            Processes(self._commands(), environ, logs=self.plan.folder / "logs")
        )
        self._start(demo.port)
        self._fill(known.passwords["owner"])

    def _commands(self) -> dict[str, str]:
        """The Procfile's lines; as many servers and relays as are wanted."""
        lines: dict[str, str] = parse_procfile((ROOT / "Procfile").read_text()).processes
        commands = {name: line for name, line in lines.items() if not name.startswith(("comet", "relay"))}
        commands |= {f"relay{number}": lines["relay"] for number in range(1, self.plan.relays + 1)}
        for number in range(1, self.plan.servers + 1):
            line = lines["comet1"].replace("comet1", f"comet{number}").replace("COMET1", f"COMET{number}")
            commands[f"comet{number}"] = line.replace("--seed 1", f"--seed {number}")
        return commands

    def _start(self, port: int) -> None:
        self.processes.start("redis", *self.processes.names("comet"))
        self.processes.run("python manage.py migrate --verbosity 0 --no-input")
        for server in self.comets:
            address = int(server.url.rpartition(":")[2])
            self.wait_until(lambda at=address: answers(HOST, at, "/"), f"{server.name} answers")
        self.processes.start("web", "worker", "bulk", "beat", *self.processes.names("relay"))
        self.wait_until(lambda: answers(HOST, port, "/healthz"), "the portal answers")

    def _fill(self, password: str) -> None:
        """People and the first server by the demo's own command; the others are linked by hand."""
        self.processes.run("python manage.py demo_seed")
        self.client = PortalClient(self.url, "owner@demo.example", password)
        tenant = self.database.number("SELECT tenant_id FROM servers_cometserver")
        for server in self.comets[1:]:
            self.client.link(server.name, server.url, server.admin, server.password, tenant)
        synced = (
            "SELECT count(*) FROM servers_cometserver WHERE last_full_sync_at IS NOT NULL AND stream='up'"
        )
        self.wait_until(
            lambda: self.database.number(synced) == len(self.comets), "every server is synced and followed"
        )
        for server in self.comets[1::HAS_WEBHOOK]:
            pk = self.database.number(f"SELECT id FROM servers_cometserver WHERE api_url='{server.url}'")
            self.client.post(f"/servers/{pk}/webhook/set-up/")
        active = "SELECT count(*) FROM operations_operation WHERE ended_at IS NULL"
        self.wait_until(lambda: self.database.number(active) == 0, "what was started at first has ended")

    def leave_gaps_open(self) -> None:
        """From now on leave out every sync that closes gaps, to see what that costs."""
        for name in ("worker", "bulk"):
            self.processes.kill(name, away_seconds=0)
            self.processes.change(name, "--app portal", "--app tests.chaos.without_remedy")
        self.processes.revive_all()

    def wait_until(self, condition: Callable[[], bool], purpose: str) -> None:
        """Ask five times a second.

        Raises:
            TimeoutError: it did not come true in time.
        """
        deadline = time.monotonic() + READY_SECONDS
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"Not in {READY_SECONDS:.0f} s: {purpose}.")
            time.sleep(0.2)

    def try_backup(self, device: int, item: int) -> bool:
        """Ask the portal for a backup; False where nobody answered well, and it may or may not have begun."""
        try:
            self.client.run_backup(device, item)
        except (requests.RequestException, RuntimeError):
            return False
        return True
