"""A server that misbehaves yields one clear error of ours, whichever way its answer is read."""

import gc
import gzip
import io
import json
import os
import socket
import threading
import time
import tracemalloc
from collections.abc import Iterator
from urllib.parse import quote_plus

import pytest

import comet
from comet import Password, lossless
from comet.types import SearchClause
from tests.comet.scripted_server import reply

SECRET = "between-us-only"
OK = b"HTTP/1.1 200 OK\r\n"
JSON = OK + b"Content-Type: application/json\r\n"

WAYS = {
    "structure": lambda client: client.admin_get_user_profile(target_user="bob"),
    "map": lambda client: client.admin_list_users_full(),
    "list": lambda client: client.admin_get_jobs_recent(),
    "raw map": lambda client: list(client.admin_list_users_full_raw()),
    "raw list": lambda client: list(client.admin_get_jobs_for_date_range_raw(1, 2)),
    "plain": lambda client: client.call("AdminListUsersFull"),
    "write": lambda client: client.admin_delete_user(target_user="bob"),
}
FILES = {
    "text": lambda client: client.admin_get_job_log(job_id="j"),
    "bytes": lambda client: client.admin_meta_read_all_logs(),
    "file": lambda client: client.download("AdminMetaReadAllLogs", io.BytesIO()),
}


def body(content: bytes, head: bytes = JSON) -> bytes:
    return head + b"Content-Length: %d\r\n\r\n" % len(content) + content


@pytest.fixture
def misbehaving():
    """A client of a server that does to each connection, after reading the request, what the test says."""
    listeners, threads, ended = [], [], threading.Event()

    def start(behave, **options):
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def serve(connection):
            with connection:
                try:
                    connection.settimeout(5)
                    request = b""
                    while SECRET.encode() not in request:
                        request += connection.recv(65536)
                    if isinstance(behave, bytes):
                        connection.sendall(behave)
                    else:
                        behave(connection, ended)
                except OSError:
                    return

        def accept():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threads.append(threading.Thread(target=serve, args=(connection,), daemon=True))
                threads[-1].start()

        threading.Thread(target=accept, daemon=True).start()
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        return comet.CometClient(
            address, Password("admin", SECRET), **{"timeout": 5, "max_body_bytes": 2_000_000} | options
        )

    yield start
    ended.set()
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
    for thread in threads:
        thread.join(5)


def failure(call, client, budget=5.0):
    """The one error of a call, checked for what holds for all: in time, ours, clear, without a secret."""
    began = time.monotonic()
    with pytest.raises(comet.CometError) as caught:
        call(client)
    assert time.monotonic() - began < budget + 4  # of the ten for which nothing would come
    error = caught.value
    assert error.server == client.url
    assert error.method
    assert error.message
    shown, current = "", error
    while current is not None:
        shown += str(current) + repr(current) + repr(current.args)
        current = current.__cause__ or current.__context__
    assert SECRET not in shown
    return error


def slowly(connection, ended):
    ended.wait(10)


def trickling(connection, ended):
    connection.sendall(JSON + b"Content-Length: 1000000\r\n\r\n")
    while not ended.wait(0.02):
        connection.sendall(b" ")


def endlessly(connection, ended):
    connection.sendall(JSON + b'\r\n{"bob": "')
    while not ended.is_set():
        connection.sendall(b"x" * 65536)


BOMB = gzip.compress(bytes(200_000_000), compresslevel=9)
HALF = JSON + b'Content-Length: 100\r\n\r\n{"Username": "bo'


@pytest.mark.parametrize("way", [*WAYS, *FILES])
@pytest.mark.parametrize(
    ("behave", "expected"),
    [
        (slowly, comet.Timeout),
        (trickling, comet.Timeout),
        (endlessly, comet.BodyTooLarge),
        (body(BOMB, JSON + b"Content-Encoding: gzip\r\n"), comet.BodyTooLarge),
        (HALF, comet.ConnectionFailed),
        (JSON + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope", comet.ConnectionFailed),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
            comet.ConnectionFailed,
        ),
        (b"220 mail.example ESMTP\r\n", comet.ConnectionFailed),
        (b"", comet.ConnectionFailed),
        (body(b"<html><body>Sign in</body></html>", OK + b"Content-Type: text/html\r\n"), comet.NotComet),
        (
            b"HTTP/1.1 302 Found\r\nLocation: http://elsewhere.example/\r\nContent-Length: 0\r\n\r\n",
            comet.NotComet,
        ),
    ],
    ids=[
        "slow",
        "trickle",
        "endless",
        "bomb",
        "half",
        "not gzip",
        "chunks",
        "smtp",
        "closed",
        "html",
        "redirect",
    ],
)
def test_what_is_no_whole_answer(misbehaving, way, behave, expected):
    budget = 0.4 if expected is comet.Timeout else 5
    client = misbehaving(behave, timeout=budget, read_timeout=budget)
    error = failure((WAYS | FILES)[way], client, budget)
    assert type(error) is expected


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "content",
    [
        b"hello",
        b'{"Username": "bo',
        b'{"bob": {"Username": NaN}}',
        b'{"bob": {"Newer": Infinity}}',
        b'[{"GUID": NaN}]',
        '{"Username": "bob"}'.encode("utf-16"),
        '{"Username": "Zo\u00eb"}'.encode("latin-1"),
        b'{"bob": {"Username": "\xff\xfe"}}',
        b"[" * 10_000 + b"]" * 10_000,
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        b'{"Username": "bob", "Newer": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
        b'[{"GUID": "j", "Newer": ' + b"[" * 10_000 + b"]" * 10_000 + b"}]",
        b"7",
        b'"text"',
        b"<html>",
    ],
    ids=lambda content: repr(content[:24]),
)
def test_what_is_not_comets_json(misbehaving, way, content):
    client = misbehaving(body(content))
    if way == "plain" and content in (b"7", b'"text"'):
        WAYS[way](client)  # any JSON is an answer where the shape is not known
        return
    error = failure(WAYS[way], client)
    assert isinstance(error, comet.NotComet)


def test_of_duplicate_keys_the_last_wins_everywhere(misbehaving):
    content = b'{"bob": {"Username": "first"}, "bob": {"Username": "x", "Username": "last"}}'
    client = misbehaving(body(content))

    assert client.admin_list_users_full()["bob"].username == "last"
    assert client.call("AdminListUsersFull") == {"bob": {"Username": "last"}}
    (element,) = client.admin_list_users_full_raw()
    assert bytes(element.raw) == b'{"Username": "x", "Username": "last"}'


@pytest.fixture
def collector_at_rest() -> Iterator[None]:
    """What other tests left is not finalized at the bottom of a recursion, where nothing more can run."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("collector_at_rest")
def test_a_structure_nested_as_deep_as_it_can_be_read_is_read_or_refused():
    for depth in (100, 300, 1000, 5000):
        text = b'{"ClauseChildren":[' * depth + b"{}" + b"]}" * depth
        try:
            value = lossless.decode(text, SearchClause)
        except RecursionError:
            assert depth > 100
            continue
        assert isinstance(value, SearchClause)


@pytest.mark.parametrize("status", [400, 403, 409, 449, 500])
@pytest.mark.parametrize("password", ["long and secret", 'pa"ss & \u00e4'])
def test_a_secret_that_a_server_repeats_is_masked(server, status, password):
    def echo(request):
        said = f"{request.body.decode()} {list(request.form.values())} {json.dumps(request.form)}"
        return reply({"Status": status, "Message": said})

    server.decides("admin/reset-user-password", echo)
    with pytest.raises(comet.APIError) as caught:
        server.client(Password("admin", password)).admin_reset_user_password(
            target_user="bob", new_password="new & unseen"
        )
    said = caught.value.message
    assert "bob" in said  # only what is secret
    for secret in (password, "new & unseen"):
        assert secret not in said
        assert quote_plus(secret) not in said
        assert json.dumps(secret)[1:-1] not in said


def test_a_redirect_takes_no_credential_elsewhere(server, misbehaving):
    target = f"{server.url}/api/v1/admin/meta/version".encode()
    for status in (301, 302, 303, 307, 308):
        head = b"HTTP/1.1 %d Moved\r\nLocation: %s\r\n" % (status, target)
        for call in (*WAYS.values(), *FILES.values()):
            failure(call, misbehaving(body(b"", head)))
    assert server.requests == []


def test_failures_leak_neither_memory_nor_sockets(misbehaving):
    def bad(connection, ended):
        connection.sendall(body(b'{"a": "' + b"x" * 100_000))

    client = misbehaving(bad)
    for _ in range(5):
        failure(client_call, client)
    gc.collect()
    sockets = len(os.listdir("/proc/self/fd"))
    tracemalloc.start()
    try:
        for _ in range(60):
            failure(client_call, client)
        gc.collect()
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 2_000_000  # of the 6 MB that came
    assert len(os.listdir("/proc/self/fd")) <= sockets + 2


def client_call(client):
    client.admin_delete_user(target_user="bob")


def test_a_compressed_bomb_is_not_unpacked_in_memory(misbehaving):
    client = misbehaving(body(BOMB, JSON + b"Content-Encoding: gzip\r\n"))
    tracemalloc.start()
    try:
        failure(WAYS["map"], client)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20_000_000
