"""Makes the next of a row of things while whoever takes them still works with the one before."""

import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from itertools import islice
from typing import Final, TypeVar

TURN: Final = 0.001
"""Seconds after which the thread lets others go on; by Python's own five, each answer of a database
would be waited for so much longer."""

T = TypeVar("T")
R = TypeVar("R")


def ahead(items: Iterable[T]) -> Iterator[T]:
    """The items, each made in a thread while the one before is in use; never more than one ahead.

    Worth it where they take the interpreter and their use waits for something else. Making them may
    ask no database: a thread has a connection of its own.
    """
    made, context = iter(items), copy_context()
    with _thread() as pool:
        upcoming = pool.submit(context.run, lambda: list(islice(made, 1)))
        while found := upcoming.result():
            upcoming = pool.submit(context.run, lambda: list(islice(made, 1)))
            yield found[0]


def worked_ahead(items: Iterable[T], work: Callable[[T], R]) -> Iterator[R]:
    """`work` of each item, done in a thread while the result before is in use; never more than one ahead.

    The items are made by whoever takes the results, and may ask the database; `work` may not.
    """
    waiting: Future[R] | None = None
    with _thread() as pool:
        for item in items:
            upcoming = pool.submit(copy_context().run, work, item)
            if waiting is not None:
                yield waiting.result()
            waiting = upcoming
        if waiting is not None:
            yield waiting.result()


def _thread() -> ThreadPoolExecutor:
    sys.setswitchinterval(min(TURN, sys.getswitchinterval()))
    return ThreadPoolExecutor(1, thread_name_prefix="ahead")
