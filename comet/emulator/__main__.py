"""`python -m comet.emulator`: read the flags, open the ports, serve until interrupted."""

import asyncio
import socket
import sys
from collections.abc import Sequence

import uvicorn
from starlette.applications import Starlette

from comet.emulator import options
from comet.emulator.app import make_app
from comet.emulator.control import make_control_app
from comet.emulator.options import Options
from comet.emulator.server import WrongSeed, build

_LOOPBACK = "127.0.0.1"


class _Listener(uvicorn.Server):
    """A uvicorn server on a socket that was opened beforehand."""

    def __init__(self, app: Starlette, listening: socket.socket) -> None:
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            ws_ping_interval=None,
            ws_per_message_deflate=False,
            ws="websockets-sansio",
            timeout_graceful_shutdown=2,
        )
        super().__init__(config)
        self._listening = listening

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
    listening = _listen(chosen.host, chosen.port)
    control = _listen(_LOOPBACK, chosen.control_port) if chosen.control_port is not None else None
    server = build(chosen)
    app = make_app(server)
    listeners = [_Listener(app, listening)]
    line = f"ready http://{chosen.host}:{listening.getsockname()[1]}"
    if control is not None:
        listeners.append(_Listener(make_control_app(server, app), control))
        line += f" control http://{_LOOPBACK}:{control.getsockname()[1]}"
    tasks = [asyncio.create_task(listener.run_until_stopped()) for listener in listeners]
    print(line, flush=True)
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for listener in listeners:
        listener.should_exit = True
    await asyncio.gather(*tasks)
    return 0


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
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
