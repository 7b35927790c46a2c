"""The hello that begins every stream, as until_hello waits for it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.server import ServerConnection, serve

import comet
from comet.stream import BadFrame, EventStream, StreamedEvent
from portal.live import opening
from portal.live.opening import until_hello
from portal.servers.errors import explain

FRAMES_OF_A_SIGN_IN = 5
HELLO, JOB, GARBAGE = '{"Type":4000}', '{"Type":4200}', "<html>"


@asynccontextmanager
async def opened(*frames: str) -> AsyncIterator[EventStream]:
    """A stream that was let in, and is then told these frames."""

    async def tell(websocket: ServerConnection) -> None:
        for _ in range(FRAMES_OF_A_SIGN_IN):
            await websocket.recv()
        for frame in ("200 OK", *frames):
            await websocket.send(frame)
        await websocket.wait_closed()

    async with serve(tell, "127.0.0.1", 0) as listener:
        port = listener.sockets[0].getsockname()[1]
        async with EventStream(f"http://127.0.0.1:{port}", comet.SessionKey("admin", "key")) as stream:
            yield stream


async def test_what_came_with_the_hello_is_kept_and_the_stream_goes_on():
    async with opened(GARBAGE, JOB, HELLO, JOB) as stream:
        came = await until_hello(stream)
        following = await anext(aiter(stream))
    assert [type(item) for item in came] == [BadFrame, StreamedEvent, StreamedEvent]
    assert [item.text for item in came] == [GARBAGE, JOB, HELLO]
    assert following.text == JOB


@pytest.mark.parametrize(
    ("frames", "said"),
    [
        ((), "sent no hello within 0.2 seconds, nor anything else"),
        ((JOB,), "sent no hello within 0.2 seconds, but 1 other event"),
        ((JOB, GARBAGE, JOB), "sent no hello within 0.2 seconds, but 2 other events and 1 unreadable frame"),
    ],
)
async def test_a_stream_without_hello_is_said_to_be_none_and_what_came_instead(frames, said, monkeypatch):
    monkeypatch.setattr(opening, "HELLO_SECONDS", 0.2)
    async with opened(*frames) as stream:
        with pytest.raises(comet.NotComet) as caught:
            await until_hello(stream)
    assert explain("fr-par-2", caught.value) == (
        "fr-par-2 did not answer as a Comet Server does when asked for events/stream:"
        f" it let the portal in and {said}."
        " Nothing was changed. Look at its API address and any proxy before it."
    )
    assert caught.value.server == stream.url


async def test_a_server_that_tells_much_else_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(opening, "MOST_BEFORE_HELLO", 3)
    async with opened(*[JOB] * 3) as stream:
        with pytest.raises(comet.NotComet, match="3 other events"):
            await until_hello(stream)
