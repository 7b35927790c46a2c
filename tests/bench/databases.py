"""Runs one measurement on SQLite and on PostgreSQL, each in a process of its own."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from typing import Final

import django
import msgspec
from django.core.management import call_command
from django.db import connections

from tests.bench.harness import Result, migrated_database
from tests.environment.postgres import postgres_url

DATABASES: Final = ("sqlite", "postgresql")
OURS: Final = "ours"
"""The database of this process itself, where setting up another would only take time."""


def on_each_database(module: str, databases: Sequence[str] = DATABASES, **size: float) -> Iterator[Result]:
    """What `measure` of a module beside this one gives for that size, its names ended by the database's.

    Raises:
        subprocess.CalledProcessError: a measurement could not be made; it said why.
    """
    for database in databases:
        with environment_of(database) as environment:
            told = subprocess.run(
                [sys.executable, "-m", "tests.bench.databases", module, json.dumps(size)],
                env=environment,
                stdout=subprocess.PIPE,
                check=True,
            ).stdout
        for result in msgspec.json.decode(told, type=list[Result]):
            yield replace(result, name=f"{result.name}.{database}")


@contextmanager
def environment_of(database: str) -> Iterator[dict[str, str]]:
    """For a process that is to use it; a new one ends with the context."""
    if database == OURS:
        with migrated_database():
            connections.close_all()  # it may have to be alone with it
            yield dict(os.environ)
        return
    with tempfile.TemporaryDirectory(prefix="perihelion-bench-") as data:
        environment = {**os.environ, "PERIHELION_DATA": data}
        environment.pop("DATABASE_URL", None)
        if database == "sqlite":
            yield environment
        else:
            with postgres_url() as url:
                yield {**environment, "DATABASE_URL": url}


def main(module: str, size: str) -> None:
    """Print the results of one measurement as JSON; what else it prints goes to standard error."""
    out = os.dup(1)
    os.dup2(2, 1)
    django.setup()
    call_command("migrate", verbosity=0, interactive=False)
    results = list(import_module(f"{__package__}.{module}").measure(**json.loads(size)))
    with os.fdopen(out, "wb") as stdout:
        stdout.write(msgspec.json.encode(results))


if __name__ == "__main__":
    main(*sys.argv[1:])
