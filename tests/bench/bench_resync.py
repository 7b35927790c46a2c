"""A list of 100,000 Jobs, read for the first time (twice) and again with 5 % of them changed.

Beside it the plain way: `json.loads` and `bulk_create(update_conflicts=True)` of the same answer into
the same table. Both ask the same server; the plain way keeps no roll-ups and leaves no room for others
to write. Each way starts with tables as new.
"""

from collections.abc import Iterator
from typing import Any, Final

from tests.bench.databases import OURS, on_each_database
from tests.bench.harness import Result

SMALL: Final = {"databases": [OURS], "jobs": 200, "rounds": 1}


def run(**size: Any) -> Iterator[Result]:
    yield from on_each_database("resync_work", **size)
