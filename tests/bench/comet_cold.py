"""One measurement in a process of its own: `python -m tests.bench.comet_cold TASK FILE`.

Prints JSON: the CPU seconds of this process for the task, the most memory it held in MB, and the memory
it held before. Reading the file and importing are not counted; building the decoders is.
"""

import hashlib
import json
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec

from comet import CometClient, Password
from comet.answers import Answer, read_json
from comet.bulk import split_elements
from comet.types import BackupJobDetail, UserProfileConfig
from portal.fleet.records import ProfileRecord
from portal.jobs.records import JobRecord

MEGABYTE = 1_000_000


def _decoded(kind: Any) -> Callable[[bytes], object]:
    return lambda body: msgspec.json.Decoder(kind).decode(body)


def _consume(elements: Iterable[object]) -> None:
    deque(elements, maxlen=0)


def _split(body: bytes) -> None:
    _consume(split_elements(Answer("bench", "bench", 200, {}, bytearray(body))))


def _read(kind: Any) -> Callable[[bytes], object]:
    """As the client reads an answer: checked, and able to be written back without loss."""
    return lambda body: read_json(Answer("bench", "bench", 200, {}, bytearray(body)), kind)


def _fetch(address: str) -> None:
    """Reads a long map raw from a server, to the end."""
    with CometClient(address, Password("admin", "secret"), max_body_bytes=1 << 30) as client:
        _consume(client.admin_list_users_full_raw())


def _fetch_list(address: str) -> None:
    with CometClient(address, Password("admin", "secret"), max_body_bytes=1 << 30) as client:
        _consume(client.admin_get_jobs_for_date_range_raw(1, 2))


TASKS: dict[str, Callable[[Any], object]] = {
    "json": json.loads,
    "hash": lambda body: hashlib.sha256(body).digest(),
    "users-typed": _decoded(dict[str, UserProfileConfig]),
    "users-read": _read(dict[str, UserProfileConfig]),
    "users-columns": _decoded(dict[str, ProfileRecord]),
    "users-raw": _split,
    "users-fetch": _fetch,
    "jobs-typed": _decoded(list[BackupJobDetail]),
    "jobs-read": _read(list[BackupJobDetail]),
    "jobs-columns": _decoded(list[JobRecord]),
    "jobs-raw": _split,
    "jobs-fetch": _fetch_list,
}


def _peak() -> float:
    """The most memory held so far. Not from getrusage, which counts the parent's from before exec."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024 / MEGABYTE


def main(task: str, subject: str) -> None:
    argument = subject if task.endswith("-fetch") else Path(subject).read_bytes()
    before = _peak()
    began = time.process_time()
    TASKS[task](argument)
    seconds = time.process_time() - began
    print(json.dumps({"seconds": seconds, "peak": _peak(), "before": before}))


if __name__ == "__main__":
    main(*sys.argv[1:])
