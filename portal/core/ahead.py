"""Makes the next of a row of things while whoever takes them still works with the one before."""

import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from itertools import islice
from typing import Final, TypeVar

TURN: Final = 0.001
"""Seconds after which the thread lets others go on; by Python's own five, each answer of a database
would be waited for so much longer."""

T = TypeVar("T")


def ahead(items: Iterable[T]) -> Iterator[T]:
    """The items, each made in a thread while the one before is in use; never more than one ahead.

    Worth it where they take the interpreter and their use waits for something else. Making them may
    ask no database: a thread has a connection of its own.
    """
    made, context = iter(items), copy_context()
    sys.setswitchinterval(min(TURN, sys.getswitchinterval()))
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as pool:
        upcoming = pool.submit(context.run, lambda: list(islice(made, 1)))
        while found := upcoming.result():
            upcoming = pool.submit(context.run, lambda: list(islice(made, 1)))
            yield found[0]
