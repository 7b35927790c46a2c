"""Keeps Python's collector of reference cycles still while rows are made by the ten thousand."""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_still = 0


@contextmanager
def no_collecting() -> Iterator[None]:
    """Whatever is made meanwhile, in any thread, is not looked through for cycles until it ends.

    For short work that makes many rows and no cycles: the collector would look at each of them
    several times, which takes a tenth of an import.
    """
    global _still
    with _lock:
        _still += 1
        gc.disable()
    try:
        yield
    finally:
        with _lock:
            _still -= 1
            if not _still:
                gc.enable()
