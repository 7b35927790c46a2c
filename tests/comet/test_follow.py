"""Events for as long as they are wanted, through broken streams."""

from contextlib import aclosing

import pytest
from websockets.asyncio.server import serve

import comet
from comet import SessionKey
from comet.follow import Disconnected, Gap, follow_events
from comet.stream import EventStream, StreamedEvent

KEY = SessionKey("admin", "key")


class Flaky:
    """Serves one script after the other: frames to send before hanging up, or a refusal."""

    def __init__(self, *scripts):
        self.scripts = list(scripts)
        self.credentials = []

    async def handle(self, websocket):
        frames = [await websocket.recv() for _ in range(5)]
        self.credentials.append(frames[3])
        script = self.scripts.pop(0) if self.scripts else None
        if script == "refuse":
            await websocket.send("403 Unauth")
            return
        await websocket.send("200 OK")
        for frame in script or ():
            await websocket.send(frame)
        if script is None:
            await websocket.wait_closed()

    async def follow(self, count, open_stream=None, **options):
        """The first `count` items of following this server."""
        async with serve(self.handle, "127.0.0.1", 0) as listener:
            url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
            items = []
            opening = open_stream or (lambda: EventStream(url, KEY))
            async with aclosing(
                follow_events(lambda: opening() if open_stream is None else opening(url), **options)
            ) as events:
                async for item in events:
                    items.append(item)
                    if len(items) == count:
                        return items
        raise AssertionError("it ended")


def kinds(items):
    return [type(item) for item in items]


async def test_a_broken_stream_is_opened_again_and_the_gap_told():
    server = Flaky(['{"Type":4000}', '{"Type":4200}'], ['{"Type":4000}'])

    items = await server.follow(6, first_pause=0.01)

    assert kinds(items) == [Gap, StreamedEvent, StreamedEvent, Disconnected, Gap, StreamedEvent]
    assert items[4].lost_at <= items[4].back_at
    assert items[0].back_at <= items[4].lost_at
    assert isinstance(items[3].problem, comet.ConnectionFailed)


async def test_pauses_grow_with_jitter_and_start_over_when_events_flow():
    server = Flaky([], [], [], ['{"Type":4000}'], [])

    items = await server.follow(11, first_pause=0.01, longest_pause=0.03)

    lost = [item for item in items if isinstance(item, Disconnected)]
    assert [item.attempts for item in lost] == [1, 2, 3, 1, 2]
    for item, full in zip(lost, [0.01, 0.02, 0.03, 0.01, 0.02], strict=True):
        assert full / 2 <= item.pause_seconds <= full


async def test_a_silent_stream_counts_as_broken():
    server = Flaky()
    items = await server.follow(
        3, open_stream=lambda url: EventStream(url, KEY, idle_timeout=0.4), first_pause=0.01
    )
    assert kinds(items) == [Gap, Disconnected, Gap]
    assert isinstance(items[1].problem, comet.Timeout)


async def test_a_key_that_ran_out_is_replaced():
    server = Flaky("refuse", ['{"Type":4000}'])
    keys = iter(["old", "new"])

    async def open_stream(url):
        return EventStream(url, SessionKey("admin", next(keys)))

    items = await server.follow(3, open_stream=open_stream, first_pause=0.01)

    assert kinds(items) == [Disconnected, Gap, StreamedEvent]
    assert server.credentials == ["old", "new"]


async def test_a_credential_that_stays_refused_ends_it():
    server = Flaky(['{"Type":4000}'], "refuse", "refuse")
    with pytest.raises(comet.Forbidden):
        await server.follow(99, first_pause=0.01)


async def test_an_address_that_is_not_allowed_ends_it():
    def forbid(ip, port):
        raise PermissionError("private")

    with pytest.raises(comet.AddressRefused):
        await Flaky().follow(
            1, open_stream=lambda url: EventStream(url, KEY, address_guard=forbid), first_pause=0.01
        )
