"""Pings of the event stream: whom they keep, whom they give up, and when they are due."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.frames import Opcode

import comet
from comet import SessionKey
from comet.keepalive import MOMENTS, seconds_to_next
from comet.stream import EventStream

KEY = SessionKey("admin", "the session key")
EVENT = '{"Type":4000}'


class Pinged(ServerConnection):
    """Answers its first `answers` pings, and tells an event after each."""

    answers = 0

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.pings = 0
        self._send_frame, self.protocol.send_frame = self.protocol.send_frame, self._send_frame_unless_deaf

    def _send_frame_unless_deaf(self, frame):
        if frame.opcode is not Opcode.PONG:
            self._send_frame(frame)
            return
        self.pings += 1
        if self.pings <= self.answers:
            self._send_frame(frame)
        self.protocol.send_text(EVENT.encode())


async def consent(websocket):
    for _ in range(5):
        await websocket.recv()
    await websocket.send("200 OK")
    await websocket.wait_closed()


@asynccontextmanager
async def followed(connection=None, **options):
    async with serve(consent, "127.0.0.1", 0, create_connection=connection) as listener:
        url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        async with EventStream(url, KEY, **options) as stream:
            yield stream


async def test_a_stream_whose_ping_is_not_answered_is_closed_when_the_next_is_due():
    class SoonDeaf(Pinged):
        answers = 3

    told = 0
    async with asyncio.timeout(10), followed(SoonDeaf, ping_interval=0.02) as stream:
        with pytest.raises(comet.ConnectionFailed) as caught:
            async for _ in stream:
                told += 1
    assert told == 4
    assert caught.value.__cause__.sent.code == 1011


async def test_a_stream_whose_pings_are_answered_is_kept():
    class Hearing(Pinged):
        answers = 1000

    async with followed(Hearing, ping_interval=0.02) as stream:
        events = aiter(stream)
        for _ in range(10):
            await anext(events)


async def test_without_an_interval_no_ping_is_sent():
    async with followed(Pinged, ping_interval=None, idle_timeout=0.1) as stream:
        with pytest.raises(comet.Timeout):
            await anext(aiter(stream))


async def test_a_closed_stream_has_no_pings_under_way():
    before = asyncio.all_tasks()
    async with followed():
        pass
    assert asyncio.all_tasks() == before


@pytest.mark.parametrize("opened_at", [1000.0, 1000.25, 1000.999, 86_400.5])
def test_whenever_a_stream_was_opened_its_pings_are_due_together_with_those_of_others(opened_at):
    interval, moment = 20.0, 20.0 / MOMENTS
    now = opened_at
    for _ in range(3):
        pause = seconds_to_next(now, interval)
        assert interval - moment < pause <= interval
        now += pause
        assert now % moment == pytest.approx(0)
        now += 0.004  # it is woken a little later
