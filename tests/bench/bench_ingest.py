"""Job events from eight streams, through relay, database and hub, at 2,000 a second.

The servers are a process of their own, whose CPU is not counted. The relay is `manage.py relay`. The lag
of an event is from the moment its server sent it to the moment a hub with an open page heard of it, which
is after the commit.
"""

from collections.abc import Iterator
from typing import Any, Final

from tests.bench.databases import OURS, on_each_database
from tests.bench.harness import Result

SMALL: Final = {"databases": [OURS], "rate": 100, "seconds": 1, "warm_up_seconds": 1}


def run(**size: Any) -> Iterator[Result]:
    yield from on_each_database("ingest_work", **size)
