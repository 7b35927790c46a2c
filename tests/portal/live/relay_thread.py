"""A relay in a thread of the test process."""

import asyncio
import threading
from typing import Self

from portal.live.relay import Relay

PATIENCE_SECONDS = 20


class RelayThread:
    """Use as a context: holds streams until left."""

    def __enter__(self) -> Self:
        started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run(started)), name="test-relay")
        self._thread.start()
        assert started.wait(PATIENCE_SECONDS)
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
