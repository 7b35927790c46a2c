"""Whether the server is up: restarts and shutdowns as API calls, the control plane or a signal want them."""

import asyncio
from dataclasses import dataclass, field


@dataclass
class Power:
    """Asked by those who want the server to end or come back; obeyed by whoever holds its ports."""

    stays_off: bool = False
    ended: bool = False
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _up: asyncio.Event = field(default_factory=asyncio.Event)
    _down: asyncio.Event = field(default_factory=asyncio.Event)
    _off: asyncio.Event = field(default_factory=asyncio.Event)

    def restart(self) -> None:
        """Close the ports, and open them again."""
        if self._down.is_set():
            self.start()
        else:
            self.stays_off = False
            self._off.set()

    def stop(self) -> None:
        """Close the ports until `start`."""
        self.stays_off = True
        self._off.set()

    def start(self) -> None:
        self.stays_off = False
        self._off.clear()
        self._changed.set()

    def end(self) -> None:
        """End the process."""
        self.ended = True
        self._off.set()
        self._changed.set()

    def note_up(self) -> None:
        """The ports are served."""
        self._down.clear()
        self._up.set()

    async def until_up(self) -> None:
        self._up.clear()
        await self._up.wait()

    def note_down(self) -> None:
        """The ports are closed."""
        self._down.set()

    async def until_down(self) -> None:
        await self._down.wait()

    async def until_off(self) -> None:
        await self._off.wait()
        self._off.clear()

    async def until_wanted(self) -> bool:
        """Waits while it is to stay off; whether it is to come back."""
        while self.stays_off and not self.ended:
            self._changed.clear()
            await self._changed.wait()
        return not self.ended
