"""Servers on real sockets and free ports."""

import contextlib
import http.server
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from urllib.parse import parse_qs

import pytest

from tests.comet.scripted_server import Reply, Request, ScriptedServer


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    script = ScriptedServer("")

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
            form = {name: values[0] for name, values in fields.items()}
            request = Request(self.command, self.path, form, dict(self.headers.items()), body)
            script.requests.append(request)
            answer = script.replies.get(self.path, Reply(b"not here", 404))
            answer = answer(request) if callable(answer) else answer
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        do_GET = do_POST

        def log_message(self, *_: object) -> None:
            """Quiet."""

    listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listener.daemon_threads = True
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    script.url = f"http://127.0.0.1:{listener.server_port}"
    yield script
    listener.shutdown()
    listener.server_close()
    thread.join()


@pytest.fixture
def raw_server() -> Iterator[Callable[..., str]]:
    """Starts a server that reads each request's head and then does to its socket what the test says."""
    listeners: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def start(behave: Callable[[socket.socket], None], tls: ssl.SSLContext | None = None) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return  # the test is over
                with contextlib.suppress(OSError):
                    if tls is not None:
                        connection = tls.wrap_socket(connection, server_side=True)
                    with connection:
                        connection.recv(65536)
                        behave(connection)

        threads.append(threading.Thread(target=serve, daemon=True))
        threads[-1].start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield start
    for listener in listeners:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
    for thread in threads:
        thread.join(5)
