"""Takes in what servers posted, in a relay: at once when it is told of it, and each second unasked."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

import structlog
from django.db import DatabaseError, InterfaceError

from portal.live.inbox import servers_waiting, take_in

LOOK_SECONDS: Final = 1.0

GATHER_SECONDS: Final = 0.02
"""Pause after being woken: several events come close together."""

InThread = Callable[..., Awaitable[Any]]

log = structlog.get_logger(__name__)


class InboxReader:
    """Runs until cancelled; of each server one batch at a time is under way."""

    def __init__(self, in_thread: InThread) -> None:
        self._in_thread = in_thread
        self._wake = asyncio.Event()
        self._busy: dict[int, asyncio.Task[None]] = {}

    def wake(self) -> None:
        self._wake.set()

    async def run(self) -> None:
        try:
            while True:
                self._wake.clear()
                await self._look()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), LOOK_SECONDS)
                    await asyncio.sleep(GATHER_SECONDS)
        finally:
            for task in self._busy.values():
                task.cancel()

    async def _look(self) -> None:
        try:
            waiting = await self._in_thread(servers_waiting)
        except (DatabaseError, InterfaceError) as exc:
            log.warning("inbox.not_read", error=str(exc))
            return
        except Exception:
            log.exception("inbox.failed")
            return
        for server_id in waiting:
            if server_id not in self._busy:
                self._busy[server_id] = asyncio.create_task(self._take_in(server_id))

    async def _take_in(self, server_id: int) -> None:
        try:
            loop = asyncio.get_running_loop()
            began = loop.time()
            while await self._in_thread(take_in, server_id):
                await asyncio.sleep(loop.time() - began)  # others write as well, on SQLite one at a time
                began = loop.time()
        except (DatabaseError, InterfaceError) as exc:
            log.warning("inbox.not_taken_in", server_id=server_id, error=str(exc))
        except Exception:
            log.exception("inbox.failed", server_id=server_id)
        else:
            self._wake.set()  # what was kept after the last look was nobody's
        finally:
            del self._busy[server_id]
