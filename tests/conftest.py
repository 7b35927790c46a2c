"""Every test run has a real Redis and a database of its own: SQLite, or PostgreSQL by DATABASE_URL.

`pytest --hypothesis-profile=thorough` tries a hundred examples where a usual run tries a few.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import django
import pytest
import redis
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

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


# Without a deadline: the first example of a run also builds Hypothesis's tables, which takes seconds.
_usual = {
    "deadline": None,
    "database": None,
    "print_blob": True,  # what failed once can be run again
    "suppress_health_check": list(HealthCheck),
}
# The same examples in every run, so that none fails by chance; those of `thorough` are new each time.
hypothesis_settings.register_profile("usual", max_examples=4, derandomize=True, **_usual)
hypothesis_settings.register_profile("thorough", max_examples=100, **_usual)
if hypothesis_settings.get_current_profile_name() in (
    "default",
    "ci",
):  # `ci` is what Hypothesis takes where CI is set
    hypothesis_settings.load_profile("usual")


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


@pytest.fixture
def redis_client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture(autouse=True)
def _every_refusal_is_news() -> None:
    """No test finds a log line left out because another has just had it."""
    from portal.core.refusals import said

    said.forget()


@pytest.fixture(autouse=True)
def _empty_redis(_redis: redis.Redis) -> None:
    """No test sees another's cache, rate limits or queued tasks."""
    _redis.flushdb()
