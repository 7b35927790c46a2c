"""The processes of one run: known by name, killed by pid, started again as a supervisor would."""

import contextlib
import shlex
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from portal.demo.children import end_group, end_with_parent
from tests.environment.portal import ROOT

STOP_SECONDS = 8.0
LAST_LINES = 6


class Death(NamedTuple):
    """How a process ended by itself, which none should."""

    name: str
    status: int
    """Negative: the signal that ended it."""
    last_words: str

    def __str__(self) -> str:
        return f"{self.name} ended with {self.status}: {self.last_words}"


@dataclass
class Process:
    name: str
    command: str
    popen: subprocess.Popen[bytes] | None = None
    start_at: float = 0.0
    """Not before this moment (monotonic), after it was killed."""
    deaths: list[Death] = field(default_factory=list)


class Processes:
    """Use as a context: leaving it ends every one with all it has started."""

    def __init__(self, commands: Mapping[str, str], environ: Mapping[str, str], logs: Path) -> None:
        self._all = {name: Process(name, command) for name, command in commands.items()}
        self._environ = dict(environ)
        self._logs = logs
        logs.mkdir(exist_ok=True)

    def __enter__(self) -> "Processes":
        return self

    def __exit__(self, *_: object) -> None:
        running = [process.popen for process in self._all.values() if process.popen is not None]
        for popen in reversed(running):
            popen.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for popen in running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                popen.wait(max(0.0, deadline - time.monotonic()))
            end_group(popen)
            popen.wait()

    def names(self, *kinds: str) -> list[str]:
        """Those whose names begin so."""
        return [name for name in self._all if name.startswith(kinds)]

    def pid(self, name: str) -> int:
        popen = self._all[name].popen
        assert popen is not None
        return popen.pid

    def start(self, *names: str) -> None:
        for name in names:
            process = self._all[name]
            with (self._logs / f"{name}.log").open("ab") as log:
                process.popen = subprocess.Popen(
                    ["/bin/sh", "-c", f"exec {process.command}"],
                    cwd=ROOT,
                    env=self._environ,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    preexec_fn=end_with_parent,
                )

    def change(self, name: str, old: str, new: str) -> None:
        """Have it started otherwise from the next time on."""
        assert old in self._all[name].command
        self._all[name].command = self._all[name].command.replace(old, new)

    def run(self, command: str) -> None:
        """Run one command to its end.

        Raises:
            RuntimeError: it failed; holds what it said.
        """
        ended = subprocess.run(
            shlex.split(command), cwd=ROOT, env=self._environ, capture_output=True, text=True, check=False
        )
        if ended.returncode:
            raise RuntimeError(f"{command} ended with {ended.returncode}:\n{ended.stdout}{ended.stderr}")

    def kill(self, name: str, *, away_seconds: float) -> int | None:
        """Kill -9 it; `revive` starts it again after so long. Gives its pid, None if it is away already."""
        process = self._all[name]
        if process.popen is None or process.popen.poll() is not None:
            return None
        process.popen.send_signal(signal.SIGKILL)
        process.start_at = time.monotonic() + away_seconds
        self._bury(process)
        return process.popen.pid

    def revive(self) -> None:
        """Start what was killed and is due; what ended by itself is noted and started as well."""
        for process in self._all.values():
            if process.popen is None:
                continue
            if process.popen.poll() is not None and process.start_at == 0.0:
                said = self._last_words(process.name)
                process.deaths.append(Death(process.name, process.popen.returncode, said))
                self._bury(process)
                self.start(process.name)
            elif process.start_at and time.monotonic() >= process.start_at:
                process.start_at = 0.0
                self.start(process.name)

    def revive_all(self) -> None:
        """Start whatever is away, due or not."""
        for process in self._all.values():
            process.start_at = min(process.start_at, time.monotonic())
        self.revive()

    def _last_words(self, name: str) -> str:
        lines = (self._logs / f"{name}.log").read_text(errors="replace").splitlines()
        return " | ".join(lines[-LAST_LINES:])

    @property
    def deaths(self) -> list[Death]:
        """Processes that ended by themselves."""
        return [death for process in self._all.values() for death in process.deaths]

    @staticmethod
    def _bury(process: Process) -> None:
        """End what it has started, as a supervisor does, while its pid is still its own."""
        assert process.popen is not None
        end_group(process.popen)
        process.popen.wait()
