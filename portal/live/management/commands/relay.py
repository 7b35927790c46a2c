"""`manage.py relay`: holds the event streams of Comet Servers until it is told to stop."""

import asyncio
import signal
from typing import Any

import uvloop
from django.core.management.base import BaseCommand

from portal.core.key_state import announce
from portal.live.relay import Relay


class Command(BaseCommand):
    help = "Hold the event streams of linked Comet Servers. Several may run; they share the servers."

    def handle(self, *args: Any, **options: Any) -> None:
        announce()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_run_until_told())


async def _run_until_told() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await Relay().run(stop)
