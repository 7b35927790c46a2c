"""Reading long answers: the list of 5,000 User Profiles, and 100,000 Jobs.

The profiles are those of an emulated Comet Server with ten days of history; the Jobs are the emulator's,
with the history repeated under other identifiers until there are enough. Each way of reading runs three
times, each time in a new process, the ways taking turns; the median of the CPU time counts. They are
compared with `json.loads` of the same bytes: `typed` is msgspec into `comet.types`, `read` what the client
does with an answer, `columns` msgspec into the columns the portal mirrors, `raw` the split into elements
with their digests. Memory is that of a client which reads the answer from a socket.
"""

import http.server
import io
import json
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from comet import CometClient, Password
from tests.bench.harness import Result
from tests.emulator_process import EmulatorProcess, start_emulator

USERS: Final = 5000
JOBS: Final = 100_000
SUBJECTS: Final = ("users", "jobs")
JOBS_PER_DAY: Final = 2200
DAYS: Final = 10
ROUNDS: Final = 3
MEGABYTE: Final = 1_000_000
MEMORY_LIMIT: Final = 1.3
ROOT: Final = Path(__file__).resolve().parents[2]


SMALL: Final = {"users": 5, "jobs": 20, "jobs_per_day": 10, "days": 2, "rounds": 1, "subjects": ["jobs"]}


def run(
    users: int = USERS,
    jobs: int = JOBS,
    jobs_per_day: int = JOBS_PER_DAY,
    days: int = DAYS,
    rounds: int = ROUNDS,
    subjects: Sequence[str] = SUBJECTS,
) -> Iterator[Result]:
    with tempfile.TemporaryDirectory(prefix="bench-comet-") as folder:
        payloads = {subject: Path(folder, f"{subject}.json") for subject in SUBJECTS}
        with start_emulator(users=users, jobs_per_day=jobs_per_day, days=days, organizations=5) as emulator:
            _write_payloads(emulator, payloads["users"], payloads["jobs"], jobs)
        for subject in subjects:
            path = payloads[subject]
            size = path.stat().st_size / MEGABYTE
            yield Result(f"comet.{subject}-payload", size, "MB", size, "itself")
            yield from _speeds(subject, path, size, rounds)
            yield _memory(subject, path, size, rounds)


def _speeds(subject: str, path: Path, size: float, rounds: int) -> Iterator[Result]:
    ways = ("json", f"{subject}-typed", f"{subject}-read", f"{subject}-columns", f"{subject}-raw")
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way in ways:
            seconds[way].append(_cold(way, str(path))["seconds"])
    speeds = {way: size / statistics.median(values) for way, values in seconds.items()}
    for way in ways[1:]:
        yield Result(f"comet.{way}", speeds[way], "MB/s", speeds["json"], "json.loads")


def _memory(subject: str, path: Path, size: float, rounds: int) -> Result:
    with _serving(path.read_bytes()) as address:
        runs = [_cold(f"{subject}-fetch", address) for _ in range(rounds)]
    used = statistics.median(run["peak"] - run["before"] for run in runs)
    return Result(f"comet.{subject}-raw-peak-memory", used, "MB", size, f"body-limit-{MEMORY_LIMIT}")


def _cold(task: str, subject: str) -> dict[str, float]:
    """What `comet_cold` measured in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.comet_cold", task, subject]
    measured: dict[str, float] = json.loads(subprocess.check_output(command, cwd=ROOT))
    return measured


def _write_payloads(emulator: EmulatorProcess, users: Path, jobs: Path, count: int) -> None:
    with CometClient(
        emulator.url,
        Password(emulator.admin.name, emulator.admin.password),
        timeout=120,
        read_timeout=120,
        max_body_bytes=1 << 30,
    ) as client:
        with users.open("wb") as file:
            client.download("AdminListUsersFull", file)
        now = int(time.time())
        history = io.BytesIO()
        client.download("AdminGetJobsForDateRange", history, Start=now - 20 * 86400, End=now)
    jobs.write_bytes(_repeated(history.getvalue(), count))


def _repeated(history: bytes, count: int) -> bytes:
    """A JSON list of `count` Jobs: those of `history`, each round under identifiers of its own."""
    inner = history.strip()[1:-1]
    in_one = inner.count(b'"GUID":')
    rounds = -(-count // in_one)
    copies = [re.sub(rb'"GUID":"....', b'"GUID":"%04x' % number, inner) for number in range(rounds)]
    return b"[" + b",".join(copies) + b"]"


@contextmanager
def _serving(body: bytes) -> Iterator[str]:
    """The address of a server that answers everything with `body`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
