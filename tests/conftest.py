"""Every test run has a real Redis and a database of its own: SQLite, or PostgreSQL by DATABASE_URL."""

import os
from collections.abc import Iterator
from pathlib import Path

import django
import pytest
import redis

from tests.environment import django as environment

_started = environment.prepare()  # before anything reads Django's settings
django.setup()
from django.conf import settings as _settings  # noqa: E402

from portal.core.key_state import take_for_right  # noqa: E402

take_for_right(_settings.ENCRYPTION_KEYS)  # no page of a test asks the database about them
# Parallel test processes inherit this environment, and would read the settings before they prepared.
del os.environ["DJANGO_SETTINGS_MODULE"]
pytest_plugins = [
    "tests.cast",
    "tests.marker_scan",
]  # its fixtures make rows, so Django's apps are loaded first


def pytest_unconfigure() -> None:
    _started.close()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Keep SQLite's test database in a file: as in real use, connections then wait for one another."""
    from django.conf import settings

    database = settings.DATABASES["default"]
    if database["ENGINE"] == "django.db.backends.sqlite3":
        folder = Path(os.environ["PERIHELION_DATA"])
        database.setdefault("TEST", {})["NAME"] = str(folder / f"test{environment.worker_name()}.sqlite3")


@pytest.fixture(scope="session", autouse=True)
def _audit_is_emptied_between_tests() -> Iterator[None]:
    """Tests with real transactions empty every table; the audit's own guards stand aside for that."""
    from django.test import TransactionTestCase

    from portal.audit import guards

    def empty(case: TransactionTestCase) -> None:
        guards.remove()
        empty_tables(case)
        guards.install()

    empty_tables = TransactionTestCase._fixture_teardown
    TransactionTestCase._fixture_teardown = empty
    yield
    TransactionTestCase._fixture_teardown = empty_tables


@pytest.fixture(scope="session")
def redis_url() -> str:
    """The Redis of this test process."""
    return os.environ["REDIS_URL"]


@pytest.fixture(scope="session")
def _redis(redis_url: str) -> redis.Redis:
    return redis.Redis.from_url(redis_url)


@pytest.fixture(autouse=True)
def _every_refusal_is_news() -> None:
    """No test finds a log line left out because another has just had it."""
    from portal.core.refusals import said

    said.forget()


@pytest.fixture(autouse=True)
def _empty_redis(_redis: redis.Redis) -> None:
    """No test sees another's cache, rate limits or queued tasks."""
    _redis.flushdb()
