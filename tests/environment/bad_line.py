"""A TCP proxy between a browser and the portal that does what bad proxies do."""

import asyncio
import threading
from typing import Self

PATIENCE_SECONDS = 10


class BadLine:
    """Use as a context. Cuts what is idle for `idle_seconds`; while `websockets` is False it lets none
    through."""

    def __init__(self, port: int, *, idle_seconds: float | None = None, websockets: bool = True) -> None:
        self._target = port
        self._idle_seconds = idle_seconds
        self.websockets = websockets
        self._lines: set[asyncio.Task[None]] = set()
        self._frozen: set[asyncio.Task[None]] = set()
        self._started = threading.Event()

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="bad-line")
        self._thread.start()
        assert self._started.wait(PATIENCE_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def cut(self) -> None:
        """End every connection there is."""
        self._loop.call_soon_threadsafe(lambda: [line.cancel() for line in self._lines])

    def freeze(self) -> None:
        """Forget every connection there is: nothing passes any more, and nobody is told."""
        self._loop.call_soon_threadsafe(lambda: self._frozen.update(self._lines))

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        await self._stop.wait()
        server.close()
        lines = list(self._lines)
        for line in lines:
            line.cancel()
        await asyncio.gather(*lines, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = asyncio.current_task()
        assert line is not None
        self._lines.add(line)
        behind, beyond = await asyncio.open_connection("127.0.0.1", self._target)
        heard = [self._loop.time()]
        ways = [
            asyncio.create_task(self._pass(line, heard, reader, beyond)),
            asyncio.create_task(self._pass(line, heard, behind, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            pass  # cut
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            writer.close()
            beyond.close()
            self._lines.discard(line)

    async def _pass(
        self,
        line: asyncio.Task[None],
        heard: list[float],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        """One way of a connection, until it ends, is idle both ways, or asks for what is not let through."""
        while True:
            try:
                data = await asyncio.wait_for(reader.read(65_536), self._idle_seconds)
            except TimeoutError:
                if self._loop.time() - heard[0] >= (self._idle_seconds or 0):
                    return
                continue
            if not data or (not self.websockets and b"\nupgrade: websocket" in data.lower()):
                return
            heard[0] = self._loop.time()
            if line not in self._frozen:
                writer.write(data)
                await writer.drain()
