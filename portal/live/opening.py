"""How a stream is opened: for which server, with which key, not all at once, and with a hello."""

import asyncio
from contextlib import aclosing
from typing import Final

import comet
from comet.constants import StreamableEventType as Type
from comet.stream import METHOD, BadFrame, EventStream, StreamedEvent
from portal.live.fences import Fenced
from portal.live.leases import to_follow
from portal.servers import clients
from portal.servers.models import CometServer

TURN_SECONDS: Final = 2.0
"""A server that has not answered by then makes way for the next, while it is waited for."""

HELLO_SECONDS: Final = 60.0
"""A Comet Server tells its hello as soon as it has let a stream in."""

MOST_BEFORE_HELLO: Final = 1000
"""Frames. It should be the first."""


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


async def until_hello(stream: EventStream) -> list[StreamedEvent | BadFrame]:
    """What came with the hello that begins every stream, and that last. Without it nobody knows whether the
    stream tells anything: one that some proxy let in is as quiet as one on which nothing happens.

    Raises:
        comet.NotComet: it did not come within `HELLO_SECONDS`.
        comet.CometError: as reading does.
    """
    came: list[StreamedEvent | BadFrame] = []
    try:
        async with asyncio.timeout(HELLO_SECONDS), aclosing(aiter(stream)) as items:
            async for item in items:
                came.append(item)
                if isinstance(item, StreamedEvent) and item.event.type == Type.META_HELLO:
                    return came
                if len(came) == MOST_BEFORE_HELLO:
                    break
    except TimeoutError as problem:
        raise _without_hello(stream, came) from problem
    raise _without_hello(stream, came)


def _without_hello(stream: EventStream, came: list[StreamedEvent | BadFrame]) -> comet.NotComet:
    events = sum(isinstance(item, StreamedEvent) for item in came)
    told = [
        f"{count:,} {what if count == 1 else f'{what}s'}"
        for count, what in ((events, "other event"), (len(came) - events, "unreadable frame"))
        if count
    ]
    instead = f"but {' and '.join(told)}" if told else "nor anything else"
    return comet.NotComet(
        f"let the portal in and sent no hello within {HELLO_SECONDS:g} seconds, {instead}",
        server=stream.url,
        method=METHOD,
    )


def followed(server_id: int) -> CometServer:
    """The server, with its credential as it is now.

    Raises:
        Fenced: it was unlinked, or is heard by webhook alone.
    """
    server = CometServer.objects.filter(to_follow(), pk=server_id).first()
    if server is None:
        raise Fenced(f"server {server_id} is not to be followed any more")
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
