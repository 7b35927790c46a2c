"""Starts the Procfile's processes, prints what they say, and ends every one of them.

honcho reads the Procfile and prints; its own manager starts everything at once and knows no
stages, so starting and ending is done here.
"""

import contextlib
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from honcho.colour import get_colours
from honcho.environ import parse_procfile
from honcho.printer import Message, Printer

from portal.demo.children import end_group, end_with_parent
from portal.demo.errors import DemoError

STOP_SECONDS: Final = 8.0
"""How long a process may take to end by itself."""


class ProcessEnded(DemoError):
    """A process that should run for ever has ended."""


@dataclass(slots=True)
class _Process:
    name: str
    colour: str
    popen: subprocess.Popen[bytes]
    may_end: bool


class Supervisor:
    """The processes of one Procfile. Use as a context: leaving it ends all that were started."""

    def __init__(self, procfile: Path, environ: Mapping[str, str]) -> None:
        self._commands: dict[str, str] = parse_procfile(procfile.read_text()).processes
        self._directory = procfile.parent
        self._environ = dict(environ)
        self._running: list[_Process] = []
        self._ended: queue.SimpleQueue[_Process] = queue.SimpleQueue()
        self._colours = get_colours()
        self._printer = Printer(sys.stdout, width=max(map(len, self._commands)))
        self._printing = threading.Lock()

    def __enter__(self) -> "Supervisor":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def names(self) -> list[str]:
        return list(self._commands)

    def start(self, *names: str) -> None:
        """Start these lines of the Procfile."""
        for name in names:
            self._spawn(name, self._commands[name])

    def run(self, name: str, command: str) -> None:
        """Run one command to its end beside the others.

        Raises:
            DemoError: it failed.
            ProcessEnded: another process ended meanwhile.
        """
        process = self._spawn(name, command, may_end=True)
        self.wait_until(lambda: process.popen.poll() is not None, purpose=name, timeout_seconds=60)
        self._running.remove(process)
        if process.popen.returncode:
            raise DemoError(
                f"{name} failed with exit status {process.popen.returncode}; see the lines above."
            )

    def wait_until(self, condition: Callable[[], bool], *, purpose: str, timeout_seconds: float) -> None:
        """Wait for `condition`, asked five times a second, while everything keeps running.

        Raises:
            ProcessEnded: a process ended meanwhile.
            DemoError: it did not come true in time.
        """
        deadline = time.monotonic() + timeout_seconds
        while not condition():
            if time.monotonic() > deadline:
                raise DemoError(f"{purpose} was not ready in {timeout_seconds:.0f} s; see the lines above.")
            with contextlib.suppress(queue.Empty):
                self._complain(self._ended.get(timeout=0.2))

    def wait(self) -> None:
        """Wait until a process ends by itself, which none should.

        Raises:
            ProcessEnded: always, and says which.
        """
        while True:
            self._complain(self._ended.get())

    def stop(self) -> None:
        """End every process, last started first, with all it has started itself."""
        services = {"redis", "comet1", "comet2"}  # the others use these until they end
        for group in (
            [process for process in self._running if process.name not in services],
            [process for process in self._running if process.name in services],
        ):
            for process in group:
                process.popen.terminate()
            deadline = time.monotonic() + STOP_SECONDS
            for process in group:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.popen.wait(max(0.0, deadline - time.monotonic()))
            for process in group:
                end_group(process.popen)
                process.popen.wait()
        self._running.clear()

    def say(self, text: str) -> None:
        """Print lines that are of no process."""
        with self._printing, contextlib.suppress(OSError):
            print(text, flush=True)

    def _spawn(self, name: str, command: str, *, may_end: bool = False) -> _Process:
        """Start a command as the leader of a process group of its own."""
        popen = subprocess.Popen(  # noqa: S602  (the Procfile's own lines)
            f"exec {command}",
            shell=True,
            cwd=self._directory,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=end_with_parent,
        )
        process = _Process(name, next(self._colours), popen, may_end)
        self._running.append(process)
        threading.Thread(target=self._watch, args=(process,), name=name, daemon=True).start()
        return process

    def _watch(self, process: _Process) -> None:
        """Put a process among the ended at its end, once its last words are printed."""
        reader = threading.Thread(target=self._print_lines, args=(process,), daemon=True)
        reader.start()
        process.popen.wait()
        reader.join(timeout=1)  # something it has started may still hold the pipe
        self._ended.put(process)

    def _print_lines(self, process: _Process) -> None:
        assert process.popen.stdout is not None  # noqa: S101  (made with a pipe)
        for line in process.popen.stdout:
            message = Message("line", line, datetime.now().astimezone(), process.name, process.colour)
            # A closed terminal must not stop the reading: a full pipe would hold up the process.
            with self._printing, contextlib.suppress(OSError):
                self._printer.write(message)

    def _complain(self, process: _Process) -> None:
        if process.may_end:
            return
        code = process.popen.returncode
        how = f"by signal {signal.Signals(-code).name}" if code < 0 else f"with exit status {code}"
        raise ProcessEnded(f"{process.name} ended {how}; its last lines are above. Everything is stopped.")
