"""`make run`: the whole portal on this machine, ready to open in a browser."""

import os
import signal
import sys
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand

from portal.demo import ports, secrets
from portal.demo.banner import banner
from portal.demo.environment import DemoEnvironment
from portal.demo.errors import DemoError
from portal.demo.supervisor import Supervisor

STARTING_SECONDS = 60.0


class Command(BaseCommand):
    help = "Start every process of the Procfile with demo data, until Ctrl-C."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        for signal_number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(signal_number, _leave)
        try:
            self._run()
        except DemoError as exc:
            print(exc, file=sys.stderr)
            sys.exit(1)

    def _run(self) -> None:
        if settings.ENV != "demo":
            raise DemoError("This starts the demo and needs PERIHELION_ENV=demo: make run")
        if secrets.prepare(settings.DATA_DIR):
            os.execv(sys.executable, [sys.executable, *sys.argv])  # the settings read the new keys
        environment = DemoEnvironment.from_os(settings.DATA_DIR)
        environment.require_free_ports()
        with Supervisor(settings.BASE_DIR / "Procfile", environment.for_processes()) as processes:
            services = environment.services()
            processes.start(*services)
            processes.say("Preparing the database")
            _migrate()
            processes.start(*(name for name in processes.names if name not in {"redis", *services}))
            for name, port in environment.comet_ports.items():
                processes.wait_until(
                    lambda port=port: ports.answers(environment.local_host, port, "/"),
                    purpose=f"The emulated Comet Server {name}",
                    timeout_seconds=STARTING_SECONDS,
                )
            call_command("demo_seed")
            processes.wait_until(
                lambda: ports.answers(environment.local_host, environment.port, "/healthz"),
                purpose="The portal",
                timeout_seconds=STARTING_SECONDS,
            )
            processes.say(banner(environment, secrets.load(settings.DATA_DIR)))
            processes.wait()
