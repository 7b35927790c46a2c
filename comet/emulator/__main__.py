"""`python -m comet.emulator`: read the flags, open the ports, serve until interrupted."""

import asyncio
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from comet.emulator import options
from comet.emulator.app import make_app
from comet.emulator.build import WrongSeed, build
from comet.emulator.control import make_control_app
from comet.emulator.licensing import make_account_app
from comet.emulator.options import Options
from comet.emulator.patience import allow_many_sockets, protocol
from comet.emulator.server import Server

_LOOPBACK = "127.0.0.1"


class _Listener(uvicorn.Server):
    """A uvicorn server on a socket that was opened beforehand. Signals are its owner's business."""

    def __init__(
        self,
        app: Starlette,
        listening: socket.socket,
        chosen: Options,
        tls: tuple[Path, Path] | None = None,
    ) -> None:
        config = uvicorn.Config(
            app,
            http=protocol(chosen.header_seconds),
            log_level="critical",
            access_log=False,
            ws_ping_interval=chosen.stream_ping or None,
            ws_per_message_deflate=False,
            ws="websockets-sansio",
            timeout_graceful_shutdown=2,
            timeout_keep_alive=75,
            ssl_certfile=tls[0] if tls else None,
            ssl_keyfile=tls[1] if tls else None,
        )
        super().__init__(config)
        self._listening = listening

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def run_until_stopped(self) -> None:
        await self.serve(sockets=[self._listening])


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status of the process."""
    chosen = options.parse(arguments)
    try:
        return asyncio.run(_serve(chosen))
    except KeyboardInterrupt:
        return 0
    except (OSError, WrongSeed) as error:
        print(f"comet.emulator: {error}", file=sys.stderr)
        return 1


async def _serve(chosen: Options) -> int:
    allow_many_sockets()
    listening = _listen(chosen.host, chosen.port)
    control = _listen(_LOOPBACK, chosen.control_port) if chosen.control_port is not None else None
    server = build(chosen)
    server.has_control = control is not None
    app = make_app(server)
    port = listening.getsockname()[1]
    line = f"ready {'https' if chosen.tls else 'http'}://{chosen.host}:{port}"
    others = []
    if control is not None:
        others.append(_Listener(make_control_app(server, app), control, chosen))
        line += f" control http://{_LOOPBACK}:{control.getsockname()[1]}"
    if chosen.account_port is not None:
        account = _listen(_LOOPBACK, chosen.account_port)
        others.append(_Listener(make_account_app(server), account, chosen))
        line += f" account http://{_LOOPBACK}:{account.getsockname()[1]}"
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, server.power.end)
    tasks = [asyncio.create_task(other.run_until_stopped()) for other in others]
    print(line, flush=True)
    try:
        await _while_wanted(server, app, listening)
    finally:
        for other in others:
            other.should_exit = True
        await asyncio.gather(*tasks)
        server.webhooks.close()
        server.journal.close()
    return 0


async def _while_wanted(server: Server, app: Starlette, listening: socket.socket) -> None:
    """Serve; after a restart or a stop close the ports, and open them again once that is wanted."""
    chosen, port = server.options, listening.getsockname()[1]
    while True:
        listener = _Listener(app, listening, chosen, chosen.tls)
        serving = asyncio.create_task(listener.run_until_stopped())
        ending = asyncio.create_task(server.power.until_off())
        await asyncio.wait({serving, ending}, return_when=asyncio.FIRST_COMPLETED)
        listener.should_exit = True
        await serving
        ending.cancel()
        server.power.note_down()
        if not await server.power.until_wanted():
            return
        listening = _listen(chosen.host, port)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named, not left to 0: asyncio switches Nagle's algorithm off for sockets that say they are TCP.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise OSError(f"can't listen on {host} port {port}: {error.strerror}") from error
    listening.listen(1024)
    return listening


if __name__ == "__main__":
    sys.exit(main())
