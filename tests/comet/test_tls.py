"""Calls and event streams over TLS, with a certificate of our own."""

import asyncio
import socket
import ssl
import threading
import time

import pytest
from websockets.asyncio.server import serve

import comet
from comet.stream import EventStream
from tests.comet.certificates import self_signed


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A file with a key and its certificate for 127.0.0.1, which is its own authority."""
    return self_signed(tmp_path_factory.mktemp("tls") / "server.pem")


@pytest.fixture(scope="module")
def server_context(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def tls_url(raw_server, server_context):
    """Starts a TLS server that answers one request by `behave`."""

    def start(behave):
        return raw_server(behave, server_context).replace("http:", "https:")

    return start


def _version(sock: socket.socket) -> None:
    sock.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n{"Version": "25.9.8"}')


def test_a_certificate_from_the_given_authority_is_trusted(tls_url, certificate):
    client = comet.CometClient(tls_url(_version), ca_file=certificate)
    assert client.admin_meta_version().version == "25.9.8"


def test_an_unknown_certificate_is_refused_and_the_reason_told(tls_url):
    with pytest.raises(comet.TLSError, match="self-signed"):
        comet.CometClient(tls_url(_version)).admin_meta_version()


def test_no_authority_of_the_environment_is_trusted(tls_url, certificate, monkeypatch):
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, certificate)
    with pytest.raises(comet.TLSError):
        comet.CometClient(tls_url(_version)).admin_meta_version()


def test_a_certificate_for_another_name_is_refused(tls_url, certificate):
    url = tls_url(_version).replace("127.0.0.1", "localhost")
    with pytest.raises(comet.TLSError, match="localhost"):
        comet.CometClient(url, ca_file=certificate).admin_meta_version()


def test_the_total_timeout_holds_over_tls(tls_url, certificate):
    def trickle(sock):
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        waiting = threading.Event()
        while not waiting.wait(0.05):
            sock.sendall(b" ")

    client = comet.CometClient(tls_url(trickle), ca_file=certificate, timeout=0.5, read_timeout=30)
    began = time.monotonic()
    with pytest.raises(comet.Timeout):
        client.admin_meta_version()
    assert time.monotonic() - began < 5


async def test_an_event_stream_over_tls(certificate, server_context):
    async def accept(websocket):
        for _ in range(5):
            await websocket.recv()
        await websocket.send("200 OK")
        await websocket.send('{"Type": 4000}')

    async with serve(accept, "127.0.0.1", 0, ssl=server_context) as listener:
        url = f"https://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        credential = comet.SessionKey("admin", "key")
        async with EventStream(url, credential, ca_file=certificate) as stream:
            item = await asyncio.wait_for(anext(aiter(stream)), 5)
            assert item.event.type == 4000
        with pytest.raises(comet.TLSError):
            async with EventStream(url, credential):
                pass
