"""The event stream against a websocket server."""

import asyncio
import http
import logging
import socket
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.server import serve

import comet
from comet import Password, PasswordTOTP, SessionKey
from comet.stream import BadFrame, EventStream, StreamedEvent
from comet.types import BackupJobDetail
from tests.comet.proxy import Proxy

KEY = SessionKey("admin", "the session key")


class Events:
    """What the server saw, and what it sends after its consent."""

    def __init__(self, frames=(), *, consent="200 OK", process_request=None):
        self.frames = frames
        self.consent = consent
        self.process_request = process_request
        self.seen = []
        self.request = None

    async def handle(self, websocket):
        self.request = websocket.request
        self.seen = [await websocket.recv() for _ in range(5)]
        await websocket.send(self.consent)
        if self.consent == "200 OK":
            for frame in self.frames:
                await websocket.send(frame)
            await websocket.wait_closed()


@asynccontextmanager
async def serving(events):
    async with serve(events.handle, "127.0.0.1", 0, process_request=events.process_request) as listener:
        yield f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"


async def read(stream, count):
    items = []
    async for item in stream:
        items.append(item)
        if len(items) == count:
            return items
    raise AssertionError("the stream ended")


@pytest.mark.parametrize(
    ("credential", "frames"),
    [
        (KEY, ["admin", "SessionKey", "", "the session key", ""]),
        (Password("admin", "pw"), ["admin", "Password", "pw", "", ""]),
        (PasswordTOTP("admin", "pw", "123456"), ["admin", "PasswordTOTP", "pw", "", "123456"]),
    ],
)
async def test_the_credential_goes_in_five_frames(credential, frames):
    events = Events()
    async with serving(events) as url, EventStream(url, credential):
        assert events.seen == frames
        assert events.request.path == "/api/v1/events/stream"


async def test_events_come_in_order_with_their_text_and_typed_data():
    job = '{"Type":4200,"ResourceID":"j1","Data":{"GUID":"j1","Status":6001}}'
    unknown = '{"Type":4999,"Data":{"x":[1]},"Novelty":true}'
    async with serving(Events([job, unknown])) as url, EventStream(url, KEY) as stream:
        first, second = await read(stream, 2)

    assert isinstance(first, StreamedEvent)
    assert (first.event.type, first.event.resource_id, first.text) == (4200, "j1", job)
    assert first.typed_data() == BackupJobDetail(guid="j1", status=6001)
    assert (second.event.type, second.text) == (4999, unknown)
    assert second.typed_data() == {"x": [1]}


async def test_data_of_another_shape_is_given_as_it_is():
    events = Events(['{"Type":4200,"Data":{"Status":"odd"}}'])
    async with serving(events) as url, EventStream(url, KEY) as stream:
        (item,) = await read(stream, 1)
    assert item.typed_data() == {"Status": "odd"}


@pytest.mark.parametrize("broken", ['{"Type":42', "hello", "[]", "{}", '{"Type":"x"}', "[" * 100_000])
async def test_a_broken_frame_is_handed_over_and_the_stream_goes_on(broken):
    async with serving(Events([broken, '{"Type":4000}'])) as url, EventStream(url, KEY) as stream:
        bad, good = await read(stream, 2)

    assert isinstance(bad, BadFrame)
    assert bad.text == broken
    assert bad.reason
    assert good.event.type == 4000


async def test_only_the_wanted_types_are_asked_for():
    events = Events()
    async with serving(events) as url, EventStream(url, KEY, allow_list=[4200, 4201]):
        assert events.request.path == "/api/v1/events/stream?allowList=4200,4201"


async def test_the_host_header_names_the_organization():
    events = Events()
    async with serving(events) as url, EventStream(url, KEY, host="acme.example"):
        assert events.request.headers.get_all("Host") == ["acme.example"]


async def test_a_refused_credential():
    async with serving(Events(consent="403 Unauth")) as url:
        with pytest.raises(comet.Forbidden) as caught:
            async with EventStream(url, KEY):
                pass
    assert caught.value.status == 403
    assert caught.value.server == url


async def test_another_answer_to_the_sign_in():
    async with serving(Events(consent="hello")) as url:
        with pytest.raises(comet.NotComet):
            async with EventStream(url, KEY):
                pass


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (http.HTTPStatus.NOT_FOUND, comet.NotComet),
        (http.HTTPStatus.FORBIDDEN, comet.Forbidden),
        (http.HTTPStatus.BAD_GATEWAY, comet.ServerError),
        (http.HTTPStatus.OK, comet.NotComet),
    ],
)
async def test_a_refused_upgrade(status, expected):
    events = Events(process_request=lambda connection, _: connection.respond(status, "no"))
    async with serving(events) as url:
        with pytest.raises(expected) as caught:
            async with EventStream(url, KEY):
                pass
    assert caught.value.http_status == status


async def test_a_redirect_is_not_followed():
    def redirect(connection, _):
        response = connection.respond(http.HTTPStatus.FOUND, "")
        response.headers["Location"] = "https://evil.example/"
        return response

    async with serving(Events(process_request=redirect)) as url:
        with pytest.raises(comet.NotComet) as caught:
            async with EventStream(url, KEY):
                pass
    assert caught.value.location == "https://evil.example/"


async def test_silence_ends_with_the_idle_timeout():
    async with serving(Events()) as url, EventStream(url, KEY, idle_timeout=0.1) as stream:
        with pytest.raises(comet.Timeout):
            await read(stream, 1)


async def test_a_server_that_never_consents():
    async def silent(_reader, writer):
        await asyncio.Event().wait()

    listener = await asyncio.start_server(silent, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    with pytest.raises(comet.Timeout):
        async with EventStream(url, KEY, open_timeout=0.2):
            pass
    listener.close()


async def test_a_stream_the_server_ends():
    class Ending(Events):
        async def handle(self, websocket):
            for _ in range(5):
                await websocket.recv()
            await websocket.send("200 OK")
            await websocket.send('{"Type":4000}')

    async with serving(Ending()) as url, EventStream(url, KEY) as stream:
        assert len(await read(stream, 1)) == 1
        with pytest.raises(comet.ConnectionFailed):
            await read(stream, 1)


async def test_a_frame_over_the_limit():
    events = Events(["x" * 2000])
    async with serving(events) as url, EventStream(url, KEY, max_frame_bytes=1000) as stream:
        with pytest.raises(comet.BodyTooLarge):
            await read(stream, 1)


async def test_nobody_listens_and_no_such_name():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(comet.ConnectionRefused):
        async with EventStream(f"http://127.0.0.1:{port}", KEY):
            pass
    with pytest.raises(comet.NameNotFound):
        async with EventStream("http://comet.invalid", KEY):
            pass


async def test_a_named_proxy_is_used_and_no_other(monkeypatch):
    proxy = Proxy()
    events = Events(['{"Type":4000}'])
    async with serving(events) as url:
        async with EventStream(url, KEY, proxy=proxy.address) as stream:
            assert len(await read(stream, 1)) == 1
        assert proxy.heads[0].startswith(f"CONNECT {url.removeprefix('http://')} HTTP/1.1")
        for name in ("http_proxy", "ws_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.address)
        async with EventStream(url, KEY):
            pass
    assert len(proxy.heads) == 1
    proxy.close()
    with pytest.raises(comet.ConnectionRefused):
        async with EventStream(url, KEY, proxy="http://127.0.0.1:1"):
            pass
    for other in ({"host": "acme.example"}, {"address_guard": lambda *_: None}):
        with pytest.raises(ValueError, match="proxy"):
            EventStream(url, KEY, proxy=proxy.address, **other)


async def test_a_proxy_that_refuses():
    async def refuse(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        writer.close()  # the server's end waits for it

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as proxy:
        address = f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}"
        with pytest.raises(comet.ConnectionFailed, match="proxy"):
            async with EventStream("http://server.example", KEY, proxy=address):
                pass


async def test_the_guard_is_asked_before_connecting():
    asked = []

    def forbid(ip, port):
        asked.append(ip)
        raise PermissionError("private")

    events = Events()
    async with serving(events) as url:
        with pytest.raises(comet.AddressRefused):
            async with EventStream(url, KEY, address_guard=forbid):
                pass
    assert asked == ["127.0.0.1"]
    assert events.request is None


async def test_no_secret_shows_in_repr_or_log(caplog):
    caplog.set_level(logging.DEBUG)
    frame = '{"Type":4100,"Data":{"PasswordHash":"hush"}}'
    async with serving(Events([frame])) as url, EventStream(url, KEY) as stream:
        (item,) = await read(stream, 1)
        shown = repr(stream) + repr(item)

    own_logs = "".join(record.getMessage() for record in caplog.records if record.name.startswith("comet"))
    assert "the session key" not in shown + own_logs
    assert "hush" not in shown + own_logs


async def test_reading_without_opening_is_a_mistake():
    with pytest.raises(RuntimeError):
        await read(EventStream("http://127.0.0.1", KEY), 1)
