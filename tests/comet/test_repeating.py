"""A call that broke is sent once more, if it only reads."""

import contextlib
import io
import re
import socket
import threading

import pytest

import comet
from comet import Password
from comet.spec.model import load
from comet.spec.safe import is_safe
from comet.types import UserProfileConfig

ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 20\r\nConnection: close\r\n\r\n{"Version":"25.9.8"}'
HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{"


@pytest.fixture
def breaking():
    """A server that answers its connections one after the other with the bytes given; then no more."""
    listeners, met = [], []

    def start(*answers):
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def serve():
            for answer in answers:
                with contextlib.suppress(OSError):
                    connection, _ = listener.accept()
                    with connection:
                        connection.settimeout(5)
                        request = b""
                        while not request.endswith(b"secret"):
                            request += connection.recv(65536)
                        met.append(request)
                        connection.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        return comet.CometClient(address, Password("admin", "secret"), timeout=5), met

    yield start
    for listener in listeners:
        listener.close()


@pytest.mark.parametrize("broken", [b"", HALF])
def test_a_read_is_sent_once_more(breaking, broken):
    client, met = breaking(broken, ANSWER)
    assert client.admin_meta_version().version == "25.9.8"
    assert len(met) == 2


def test_no_more_than_once(breaking):
    client, met = breaking(b"", b"", ANSWER)
    with pytest.raises(comet.ConnectionFailed):
        client.admin_meta_version()
    assert len(met) == 2


def test_calls_made_by_name_are_repeated_alike(breaking):
    client, met = breaking(b"", ANSWER)
    assert client.call("AdminMetaVersion") == {"Version": "25.9.8"}
    assert len(met) == 2


def test_what_changes_something_is_not_repeated(breaking):
    client, met = breaking(b"", ANSWER)
    with pytest.raises(comet.ConnectionFailed):
        client._call_json("AdminMetaShutdownService", "/x", UserProfileConfig)
    assert len(met) == 1


def test_a_refusal_is_not_repeated(breaking):
    answer = b'HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n{"Status":500,"Message":"bad"}'
    client, met = breaking(answer, ANSWER)
    with pytest.raises(comet.ServerError):
        client.admin_meta_version()
    assert len(met) == 1


def test_a_download_that_has_begun_is_not_repeated(breaking):
    much = b"P" * 600_000
    client, met = breaking(b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n" + much, ANSWER)
    file = io.BytesIO()
    with pytest.raises(comet.ConnectionFailed):
        client.download("AdminMetaReadAllLogs", file)
    assert 0 < len(file.getvalue()) <= len(much)
    assert len(met) == 1


def test_only_what_reads_is_marked_safe():
    safe = {method.name for method in load().methods if is_safe(method.name)}
    assert not any(method.destructive for method in load().methods if method.name in safe)
    assert {"AdminListUsersFull", "AdminGetJobsForDateRange", "AdminMetaReadLogs", "BrandingProps"} <= safe
    verbs = "Set|New(?!s)|Delete|Run|Start|Cancel|Revoke|Submit|Apply|Add|Reset"
    assert not [name for name in safe if re.search(verbs, name)]
