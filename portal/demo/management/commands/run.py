"""`make run`: the whole portal on this machine, ready to open in a browser."""

import os
import signal
import sys
from functools import partial
from typing import Any, NoReturn

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from portal.demo import ports, secrets
from portal.demo.banner import banner
from portal.demo.environment import DemoEnvironment
from portal.demo.errors import DemoError
from portal.demo.seed import is_complete
from portal.demo.supervisor import Supervisor

STARTING_SECONDS = 60.0


class Stopped(Exception):
    """Somebody asked for the end: Ctrl-C, `kill`, or a closed terminal."""


class Command(BaseCommand):
    help = "Start every process of the Procfile with demo data, until Ctrl-C."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _leave)
        try:
            _run()
        except Stopped:
            return
        except DemoError as exc:
            sys.exit(str(exc))


def _run() -> None:
    if settings.ENV != "demo":
        raise DemoError("This starts the demo, and only with PERIHELION_ENV=demo. Use: make run")
    environment = DemoEnvironment.from_os(settings.DATA_DIR)
    environment.require_free_ports()
    if secrets.prepare(environment.data):
        os.execv(sys.executable, [sys.executable, *sys.argv])  # noqa: S606  (settings read the new keys)
    passwords = secrets.load(environment.data)
    with Supervisor(settings.BASE_DIR / "Procfile", environment.for_processes(passwords)) as processes:
        services = environment.services()
        processes.say("Preparing the database ...")
        processes.start(*services)
        _migrate()
        processes.start(*(name for name in processes.names if name not in {"redis", *services}))
        if not is_complete(environment):
            for name, port in environment.comet_ports.items():
                processes.wait_until(
                    partial(ports.answers, environment.local_host, port, "/"),
                    purpose=f"The emulated Comet Server {name}",
                    timeout_seconds=STARTING_SECONDS,
                )
            processes.run("seed", "python manage.py demo_seed")
        processes.wait_until(
            partial(ports.answers, environment.local_host, environment.port, "/healthz"),
            purpose="The portal",
            timeout_seconds=STARTING_SECONDS,
        )
        processes.say(banner(environment, passwords))
        try:
            processes.wait()
        except Stopped:
            processes.say("Stopping ...")
            raise


def _migrate() -> None:
    """Bring the database up to date; asking whether it is costs a tenth of the command.

    Raises:
        DemoError: it cannot be opened.
    """
    try:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            call_command("migrate", verbosity=0, interactive=False)
    except DatabaseError as exc:
        reason = str(exc).strip().splitlines()[0]
        raise DemoError(f"The database cannot be used ({reason}). DATABASE_URL names it.") from exc
    finally:
        connection.close()


def _leave(*_: object) -> NoReturn:
    """The first signal starts the ending; further ones are not to interrupt it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    raise Stopped
