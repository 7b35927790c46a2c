"""What a scope costs: the Job list and the Device list of somebody who sees everything, one tenant,
50 tenants, or 1,000 tenants with an exclusion; 100 rows a page, 50,000 Devices, 1,000,000 Jobs.

Measured on SQLite and on PostgreSQL, each in one run, the four people taking turns.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from tests.bench.harness import Result
from tests.environment.postgres import postgres_url

CHILD: Final = Path(__file__).with_name("scope_people.py")
MOST_RATIO: Final = 1.15
"""Of one and of 50 tenants to everything."""
MOST_MORE_MS: Final = 4.0
"""Of 1,000 tenants with an exclusion."""


def run() -> Iterator[Result]:
    with tempfile.TemporaryDirectory(prefix="perihelion-scope-") as folder:
        yield from _results("sqlite", f"sqlite:///{folder}/scope.sqlite3")
    with postgres_url() as url:
        yield from _results("postgresql", url)


def _results(database: str, url: str) -> Iterator[Result]:
    child = subprocess.run(
        [sys.executable, str(CHILD)],
        env={**os.environ, "DATABASE_URL": url},
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
            yield Result(f"{name}.{who}", one["ms"], "ms", all_of["ms"] * MOST_RATIO, "limit")
        thousand = measured[f"{page} 1000-but-1"]
        yield Result(f"{name}.1000-but-1-more", thousand["ms"] - all_of["ms"], "ms", MOST_MORE_MS, "limit")
        most = max(one["queries"] for key, one in measured.items() if key.startswith(page))
        yield Result(f"{name}.queries", most, "queries", all_of["queries"], "everything")
