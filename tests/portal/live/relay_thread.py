"""A relay in a thread of the test process."""

import asyncio
import threading
import time
from typing import Self

from portal.core.events import redis_connection
from portal.live.relay import Relay

PATIENCE_SECONDS = 20


class RelayThread:
    """Use as a context: hears facts when entered, and holds streams until left."""

    def __enter__(self) -> Self:
        started, before = threading.Event(), _listeners()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run(started)), name="test-relay")
        self._thread.start()
        assert started.wait(PATIENCE_SECONDS)
        until = time.monotonic() + PATIENCE_SECONDS
        while not _listeners() - before:
            assert time.monotonic() < until, "it does not listen"
            time.sleep(0.01)  # it subscribes in its own thread
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive()

    async def _run(self, started: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        started.set()
        await Relay().run(self._stop)


def _listeners() -> set[str]:
    """The subscribed clients of this test's own Redis database."""
    connection = redis_connection()
    own = str(connection.get_connection_kwargs()["db"])
    return {client["id"] for client in connection.client_list(_type="pubsub") if client["db"] == own}
