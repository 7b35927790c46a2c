"""Fills a database with 1,001 Tenants, 50,000 Devices and 1,000,000 Jobs; times four people's lists there.

    python -m tests.bench.scope_people SIZE

A process of its own for each database. SIZE is JSON: what `scope_rows.Size` takes, where it should be
another, and `rounds`. Prints, as one JSON object, what each page cost whom: the
fastest of the handler's rounds in milliseconds (the others tell of the machine), and its queries.
"""

import json
import sys
import time
from typing import Any, Final

import django

PAGE: Final = 100
ROUNDS: Final = 15
PAGES: Final = {"jobs": "/jobs/", "devices": "/devices/"}


def main(rounds: int = ROUNDS, **size: int) -> None:
    django.setup()
    from django.core.management import call_command

    from tests.bench.scope_rows import Size, fill

    call_command("migrate", verbosity=0, interactive=False)  # the database ends with the benchmark
    print(json.dumps(_measure(fill(Size(**size)), rounds)))


def _measure(people: dict[str, Any], rounds: int) -> dict[str, dict[str, Any]]:
    from django.db import connection
    from django.test import Client

    from portal.core.paging import keyset_page

    keyset_page.__kwdefaults__["size"] = PAGE
    browsers = {}
    for name, user in people.items():
        browsers[name] = Client()
        browsers[name].force_login(user)
    measured: dict[str, dict[str, Any]] = {}
    for page, url in PAGES.items():
        times: dict[str, list[float]] = {name: [] for name in people}
        queries: dict[str, int] = {}
        for _ in range(rounds):
            for name, browser in browsers.items():
                count = [0]

                def counted(execute: Any, *args: Any, count: list[int] = count) -> Any:
                    count[0] += 1
                    return execute(*args)

                with connection.execute_wrapper(counted):
                    began = time.perf_counter()
                    response = browser.get(url)
                    times[name].append((time.perf_counter() - began) * 1000)
                if response.status_code != 200:
                    raise RuntimeError(f"{url} gave {name} {response.status_code}")
                queries[name] = min(count[0], queries.get(name, count[0]))  # use is stored once a minute
        for name in people:
            measured[f"{page} {name}"] = {
                "ms": min(times[name]),
                "queries": queries[name],
            }
    return measured


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
