"""How a stream is opened: for which server, with which key, and not all at once."""

import asyncio
from typing import Final

import comet
from comet.stream import EventStream
from portal.live.fences import Fenced
from portal.servers import clients
from portal.servers.models import CometServer

TURN_SECONDS: Final = 2.0
"""A server that has not answered by then makes way for the next, while it is waited for."""


async def open_in_turn(stream: EventStream, turns: asyncio.Semaphore) -> None:
    """Open it when it is its turn: of a thousand at once, each would run out of time.

    Raises:
        comet.CometError: as opening does.
    """
    opening = None
    try:
        async with turns:
            opening = asyncio.create_task(stream.open())
            await asyncio.wait({opening}, timeout=TURN_SECONDS)
        await opening
    except BaseException:
        if opening is not None:
            opening.cancel()
            await asyncio.gather(opening, return_exceptions=True)
        await stream.close()
        raise


def followed(server_id: int) -> CometServer:
    """The server, with its credential as it is now.

    Raises:
        Fenced: it was unlinked.
    """
    server = CometServer.objects.filter(pk=server_id, unlinking_at=None).first()
    if server is None:
        raise Fenced(f"server {server_id} was unlinked")
    return server


def session_key(server: CometServer, *, renew: bool = False) -> comet.SessionKey:
    """The session key held for the server, or a new one. With `renew` the server is asked whether it holds.

    Asks the server and never the database: threads that wait for servers need no connection there.

    Raises:
        comet.CometError, SecretUnreadable, LookupError: there is no way to get one.
    """
    client = clients.for_server(server, purpose="poll")
    try:
        if renew:
            client.admin_meta_version()  # renews a key that ran out, which opening a stream cannot
        return client.start_session()
    finally:
        client.close()  # the next sign-in is far away: 1,000 idle connections cost 40 MB
