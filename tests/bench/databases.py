"""Runs one measurement on SQLite and on PostgreSQL, each in a process of its own."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from typing import Final

import django
import msgspec

from tests.bench.harness import Result
from tests.environment.postgres import postgres_url

DATABASES: Final = ("sqlite", "postgresql")


def on_each_database(module: str) -> Iterator[Result]:
    """What `measure` of a module beside this one gives, its names led by the database's.

    Raises:
        subprocess.CalledProcessError: a measurement could not be made; it said why.
    """
    for database in DATABASES:
        with _environment(database) as environment:
            told = subprocess.run(
                [sys.executable, "-m", "tests.bench.databases", module],
                env=environment,
                stdout=subprocess.PIPE,
                check=True,
            ).stdout
        for result in msgspec.json.decode(told, type=list[Result]):
            yield replace(result, name=f"{result.name}.{database}")


@contextmanager
def _environment(database: str) -> Iterator[dict[str, str]]:
    with tempfile.TemporaryDirectory(prefix="perihelion-bench-") as data:
        environment = {**os.environ, "PERIHELION_DATA": data}
        environment.pop("DATABASE_URL", None)
        if database == "sqlite":
            yield environment
        else:
            with postgres_url() as url:
                yield {**environment, "DATABASE_URL": url}


def main(module: str) -> None:
    """Print the results of one measurement as JSON; what else it prints goes to standard error."""
    out = os.dup(1)
    os.dup2(2, 1)
    django.setup()
    results = list(import_module(f"{__package__}.{module}").measure())
    with os.fdopen(out, "wb") as stdout:
        stdout.write(msgspec.json.encode(results))


if __name__ == "__main__":
    main(sys.argv[1])
