"""However `make run` ends, nothing it has started is left behind."""

import os
import select
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from portal.demo.ports import answers
from tests.environment.portal import RunningPortal
from tests.waiting import wait_for

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.skipif(sys.platform != "linux", reason="looks at processes as Linux shows them"),
]


ALL_PROCESSES = 10
WITHIN_SECONDS = 30


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """The same for all: the first start alone makes a database and fills it."""
    return tmp_path_factory.mktemp("run") / "data"


@pytest.fixture
def running(data, tmp_path):
    with RunningPortal(data, tmp_path / "portal.log") as portal:
        yield portal


def processes_of(portal: RunningPortal) -> dict[int, int]:
    """Descriptor by pid of every process that was told to keep its data where this portal does; once all are
    there: the runner, eight lines of the Procfile, the children of bulk.
    """
    wait_for(lambda: len(pids_of(portal)) >= ALL_PROCESSES)
    found = {}
    for pid in pids_of(portal):
        with suppress(ProcessLookupError):
            found[pid] = os.pidfd_open(pid)
    return found


def pids_of(portal: RunningPortal) -> list[int]:
    mark = f"PERIHELION_DATA={portal.data}".encode()
    found = []
    for folder in Path("/proc").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError, PermissionError):
            if folder.name.isdecimal() and mark in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found


def still_there(processes: dict[int, int]) -> list[int]:
    """Pids of those that did not end in time."""
    until = time.monotonic() + WITHIN_SECONDS
    left = [
        pid
        for pid, process in processes.items()
        if not select.select([process], [], [], max(0.0, until - time.monotonic()))[0]
    ]
    for process in processes.values():
        os.close(process)
    return left


def test_ctrl_c_ends_every_process_and_the_next_start_goes_on(running, tmp_path):
    processes = processes_of(running)
    first = (running.data / "demo.json").read_text()
    os.kill(running.pid, signal.SIGINT)
    assert running.wait() == 0
    assert still_there(processes) == []
    with RunningPortal(running.data, tmp_path / "second.log") as again:
        assert (again.data / "demo.json").read_text() == first
        wait_for(lambda: answers("127.0.0.1", again.port, "/accounts/login/"))
        processes = processes_of(again)
        os.kill(again.pid, signal.SIGKILL)
        assert still_there(processes) == []


def test_a_process_that_dies_is_named_and_takes_the_others_along(running):
    processes = processes_of(running)
    relay = next(pid for pid in processes if b"manage.py\0relay" in Path(f"/proc/{pid}/cmdline").read_bytes())
    os.kill(relay, signal.SIGKILL)
    assert running.wait() == 1
    assert "relay ended by signal SIGKILL" in running.log_tail()
    assert still_there(processes) == []
