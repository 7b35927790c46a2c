"""Keeps a writer of many rows out of everybody else's way."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from django.db import connection, transaction

POLLED_WITHIN: Final = 0.025
"""Seconds. Whoever waits for SQLite's lock asks for it again at least as often, at first."""

POLITE_FOR: Final = 1.0
"""Seconds for which others who wrote are thought to go on writing."""


class _Others:
    """What a connection to SQLite has noticed of others who write."""

    def __init__(self) -> None:
        self._version: int | None = None
        self._write_until = 0.0

    def look(self) -> None:
        """Notice whether any has written since the last look."""
        with connection.cursor() as cursor:
            version = cursor.execute("PRAGMA data_version").fetchone()[0]
        if self._version not in (None, version):
            self._write_until = time.perf_counter() + POLITE_FOR
        self._version = version

    @property
    def are_writing(self) -> bool:
        return time.perf_counter() < self._write_until


_local = threading.local()


def _others() -> _Others:
    """Of this thread, as its connection is; from one import to the next."""
    if not hasattr(_local, "others"):
        _local.others = _Others()
    return _local.others


class Pacer:
    """Around each of a row of transactions: on SQLite, which has one writer at a time, it keeps the
    writer away after each, unless the caller has a transaction open himself.

    While others write too it rests for as long as it wrote, so that they mostly find the lock free.
    While nobody does, only as long as somebody who has just come takes to ask for it again. What is
    prepared meanwhile costs no extra time: the rest is waited for before the next transaction.
    """

    def __init__(self, *, active: bool = True) -> None:
        self._active = active and connection.vendor == "sqlite" and not connection.in_atomic_block
        self._others = _others()
        self._rest_until = 0.0
        self._began = 0.0
        if self._active:
            self._others.look()

    def __enter__(self) -> None:
        self.rest()
        self._began = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        if not self._active:
            return
        ended = time.perf_counter()
        self._others.look()
        took = ended - self._began
        self._rest_until = ended + (took if self._others.are_writing else min(took, POLLED_WITHIN))

    @property
    def is_alone(self) -> bool:
        """Whether no others are writing, or none of them would have to wait."""
        return not (self._active and self._others.are_writing)

    def rest(self) -> None:
        """Wait until the latest pause is over."""
        left = self._rest_until - time.perf_counter()
        if left > 0:
            time.sleep(left)


@contextmanager
def lazy_commit() -> Iterator[None]:
    """A transaction that PostgreSQL need not have on disk to go on, for what would be read again.

    The next ordinary commit waits for it too, so nothing is remembered as done that is not.
    """
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL synchronous_commit = off")
        yield
