"""Defence against clients that open sockets and say nothing, or too slowly."""

import asyncio
import contextlib
import resource
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADER_SECONDS = 30.0
_SOCKETS = 65_536


class PatientProtocol(HttpToolsProtocol):
    """HTTP that ends a connection whose first request has no complete headers in time."""

    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._patience = self.loop.call_later(HEADER_SECONDS, transport.close)

    def on_headers_complete(self) -> None:
        self._lose_interest()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lose_interest()
        super().connection_lost(exc)

    def _lose_interest(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None


def allow_many_sockets() -> None:
    """Raise the limit of open files as far as this process may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted: Any = _SOCKETS if hard == resource.RLIM_INFINITY else min(_SOCKETS, hard)
    if soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
