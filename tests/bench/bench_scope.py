"""What a scope costs: the Job list and the Device list of somebody who sees everything, one tenant,
50 tenants, or 1,000 tenants with an exclusion; 100 rows a page, 50,000 Devices, 1,000,000 Jobs.

Measured on SQLite and on PostgreSQL, each in one run, the four people taking turns.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Final

from tests.bench.databases import DATABASES, OURS, environment_of
from tests.bench.harness import Result

MOST_RATIO: Final = 1.15
"""Of one and of 50 tenants to everything."""
MOST_MORE_MS: Final = 4.0
"""Of 1,000 tenants with an exclusion."""

SMALL: Final = {
    "databases": [OURS],
    "resellers": 2,
    "customers_each": 2,
    "devices": 12,
    "jobs": 24,
    "rounds": 1,
}


def run(databases: Sequence[str] = DATABASES, **size: int) -> Iterator[Result]:
    """`size`: how many rows, as of `scope_rows.Size`, and `rounds` of looking at them."""
    for database in databases:
        with environment_of(database) as environment:
            yield from _results(database, environment, json.dumps(size))


def _results(database: str, environment: dict[str, str], size: str) -> Iterator[Result]:
    child = subprocess.run(
        [sys.executable, "-m", "tests.bench.scope_people", size],
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
        timeout=300,
    )
    measured: dict[str, dict[str, Any]] = json.loads(child.stdout.splitlines()[-1])
    for page in ("jobs", "devices"):
        all_of = measured[f"{page} everything"]
        name = f"scope.{database}.{page}"
        yield Result(f"{name}.everything", all_of["ms"], "ms", all_of["ms"], "itself")
        for who in ("1-tenant", "50-tenants"):
            one = measured[f"{page} {who}"]
            yield Result(f"{name}.{who}", one["ms"], "ms", all_of["ms"] * MOST_RATIO, "limit", most=1)
        thousand = measured[f"{page} 1000-but-1"]
        yield Result(
            f"{name}.1000-but-1-more", thousand["ms"] - all_of["ms"], "ms", MOST_MORE_MS, "limit", most=1
        )
        most = max(one["queries"] for key, one in measured.items() if key.startswith(page))
        yield Result(f"{name}.queries", most, "queries", all_of["queries"], "everything")
