"""`manage.py relay`: holds the event streams of Comet Servers until it is told to stop."""

import asyncio
import os
import signal
from typing import Any

import uvloop
from django.core.management.base import BaseCommand, CommandParser

from portal.live.relay import Relay
from portal.live.relay_status import status_lines


class Command(BaseCommand):
    help = "Hold the event streams of linked Comet Servers. Several may run; they share the servers."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "action", nargs="?", choices=["status"], help="Instead say which relays run, and how streams are."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["action"] == "status":
            for line in status_lines():
                self.stdout.write(line)
            return
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_run_until_told())
        self.stdout.flush()
        os._exit(0)  # threads that wait for a server which does not answer would keep the process


async def _run_until_told() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await Relay().run(stop)
