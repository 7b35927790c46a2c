"""Defence against clients that open sockets and say nothing, or too slowly."""

import asyncio
import contextlib
import resource
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_SOCKETS = 65_536


class PatientProtocol(HttpToolsProtocol):
    """HTTP that ends a connection on which the headers of a request are not complete in time."""

    header_seconds = 30.0
    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def on_message_begin(self) -> None:
        self._wait()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._lose_interest()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lose_interest()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._lose_interest()
        self._patience = self.loop.call_later(self.header_seconds, self.transport.close)

    def _lose_interest(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None


def protocol(header_seconds: float) -> type[PatientProtocol]:
    """The protocol with that much patience."""
    return type("Protocol", (PatientProtocol,), {"header_seconds": header_seconds})


def allow_many_sockets() -> None:
    """Raise the limit of open files as far as this process may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted: Any = _SOCKETS if hard == resource.RLIM_INFINITY else min(_SOCKETS, hard)
    if soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
