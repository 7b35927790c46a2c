"""Processes that end when the one that started them does."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from typing import Final

PR_SET_PDEATHSIG: Final = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def end_with_parent() -> None:
    """For `preexec_fn`: Linux ends the new process when its parent is gone, however that went."""
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def stop(process: subprocess.Popen[bytes], *, timeout_seconds: float = 10) -> int:
    """Ask a process to end, insist after a while, and return its exit status.

    It must lead a process group of its own; what is left of the group goes with it.
    """
    if process.poll() is None:
        process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout_seconds)
    end_group(process)
    return process.wait()


def end_group(process: subprocess.Popen[bytes]) -> None:
    """Kill whatever is left of the process group that `process` leads."""
    # macOS answers with PermissionError for a group of zombies.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
