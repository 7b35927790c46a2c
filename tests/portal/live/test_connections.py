"""A burst of requests leaves no database connection behind."""

import gc
from uuid import uuid4

import pytest
import requests
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

pytestmark = pytest.mark.django_db(transaction=True)
REQUESTS = 8


def open_connections() -> int:
    """By type, since asking a lazy object for its class wakes it up."""
    held = [one for one in gc.get_objects() if issubclass(type(one), BaseDatabaseWrapper)]
    return sum(one.connection is not None for one in held)


def test_each_request_closes_its_connection_before_the_garbage_collector_would(live_portal):
    address = f"http://127.0.0.1:{live_portal.port}/hooks/comet/{uuid4()}/"
    gc.collect()
    gc.disable()
    try:
        before = open_connections()
        for _ in range(REQUESTS):
            assert requests.post(address, data=b"{}", timeout=20).status_code == 404
        after = open_connections()
    finally:
        gc.enable()
    assert after - before <= 1  # the last may be about to


def test_a_new_connection_keeps_utc_without_another_question():
    if connection.vendor == "sqlite":
        pytest.skip("SQLite knows no time zones")
    with connection.Database.connect(**connection.get_connection_params()) as raw:
        assert raw.info.parameter_status("TimeZone") == connection.timezone_name == "UTC"
