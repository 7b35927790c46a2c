"""What must be in the environment before Django reads its settings."""

import os
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Final

from tests.environment.redis import RedisServer
from tests.marks import MARKED_KEY, marked

PREPARED: Final = "PERIHELION_TESTS_PREPARED"
"""Set by the process that prepared, for those it starts (one per core)."""

NAMED: Final = (
    "PERIHELION_ENV",
    "PERIHELION_DATA",
    "ENCRYPTION_KEYS",
    "SECRET_KEY",
    "AUDIT_KEY",
    "REDIS_URL",
)
"""What it names beside that."""

WORKER: Final = "PYTEST_XDIST_WORKER"


def prepare() -> ExitStack:
    """Start what the settings of a test run name, and name it; closing the result ends it again.

    Each parallel test process has a Redis database of its own.
    """
    stack = ExitStack()
    if PREPARED not in os.environ:
        data = stack.enter_context(tempfile.TemporaryDirectory(prefix="perihelion-tests-"))
        redis = stack.enter_context(RedisServer())
        os.environ.update(
            {
                PREPARED: "1",
                "PERIHELION_ENV": "test",
                "PERIHELION_DATA": data,
                "ENCRYPTION_KEYS": MARKED_KEY,
                "SECRET_KEY": marked("secret-key"),
                "AUDIT_KEY": marked("audit-key-of-fifty-characters-and-a-few-more"),
                "REDIS_URL": redis.url,
            }
        )
    if worker := worker_name():
        server, number = os.environ["REDIS_URL"].rpartition("/")[0], int(worker.removeprefix("gw"))
        os.environ["REDIS_URL"] = f"{server}/{number + 1}"
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    return stack


def not_prepared(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process that is to prepare for itself: Redis, data and secrets are its own."""
    own = {*NAMED, PREPARED, WORKER, "DJANGO_SETTINGS_MODULE", "DATABASE_URL"}
    return {name: value for name, value in environ.items() if name not in own}


def worker_name() -> str:
    """Which of the parallel test processes this is; empty when there is one alone."""
    return os.environ.get(WORKER, "")
