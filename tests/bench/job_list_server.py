"""Answers any POST with a list of Jobs: the first, or with Start=2 the one with changes.

python -m tests.bench.job_list_server PORT FIRST CHANGED     (two files)
"""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    bodies: tuple[bytes, ...] = ()

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        body = self.bodies[int(form["Start"][0]) - 1]
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing: what is measured listens."""


def main(port: str, *files: str) -> None:
    Handler.bodies = tuple(Path(file).read_bytes() for file in files)
    ThreadingHTTPServer(("127.0.0.1", int(port)), Handler).serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
