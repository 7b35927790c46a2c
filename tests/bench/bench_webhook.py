"""How long a Comet Server waits for the answer to an event it posts, while that server is being synced.

A web process answers; a process of its own posts. The sync reads lists of Jobs in bulk, as the nightly
one does: of one server, so that its writes and the event's wait for one another as much as they can.
"""

from collections.abc import Iterator
from typing import Any, Final

from tests.bench.databases import OURS, on_each_database
from tests.bench.harness import Result

SMALL: Final = {"databases": [OURS], "jobs": 200}


def run(**size: Any) -> Iterator[Result]:
    yield from on_each_database("webhook_work", **size)
