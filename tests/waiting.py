"""Waiting for what other threads and processes make true."""

import time
from collections.abc import Callable
from typing import Any


def wait_for(condition: Callable[[], Any], *, seconds: float = 30) -> Any:
    """What `condition` gives, as soon as it is true; fails after `seconds`."""
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < until, "it did not come true in time"
        time.sleep(0.02)
    return found
