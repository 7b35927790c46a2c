"""An HTTP proxy on a free port."""

import contextlib
import select
import socket
import threading


class Proxy:
    """Forwards plain requests and CONNECT tunnels to wherever they ask; keeps their heads."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://name:pass%20word@127.0.0.1:{self._listener.getsockname()[1]}"
        self.heads = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with contextlib.suppress(OSError), connection:
            data = b""
            while b"\r\n\r\n" not in data:
                data += connection.recv(65536)
            self.heads.append(data.partition(b"\r\n\r\n")[0].decode())
            verb, target, _ = self.heads[-1].split("\r\n")[0].split(" ")
            authority = target if verb == "CONNECT" else target.split("/")[2]
            host, _, port = authority.partition(":")
            with socket.create_connection((host, int(port))) as server:
                if verb == "CONNECT":
                    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                else:
                    path = "/" + target.split("/", 3)[3]
                    server.sendall(data.replace(target.encode(), path.encode(), 1))
                while True:
                    ready, _, _ = select.select([connection, server], [], [], 5)
                    if not ready:
                        return
                    for source in ready:
                        piece = source.recv(65536)
                        if not piece:
                            return
                        (server if source is connection else connection).sendall(piece)
