"""Locks that end with their holder."""

import time

import pytest
import redis

from portal.core import locks
from portal.core.locks import LEASE_SECONDS, held_while_alive


@pytest.fixture
def client(redis_url):
    with redis.Redis.from_url(redis_url) as client:
        yield client


def seconds_left(client) -> int:
    (key,) = client.keys("*lock-of-this-test")
    return client.ttl(key)


def test_one_holds_it_at_a_time():
    with held_while_alive("lock-of-this-test") as first:
        with held_while_alive("lock-of-this-test") as second:
            assert (first, second) == (True, False)
        with held_while_alive("lock-of-this-test") as third:
            assert not third  # who did not get it does not end it either
    with held_while_alive("lock-of-this-test") as again:
        assert again


def test_a_failure_ends_it():
    with pytest.raises(ZeroDivisionError), held_while_alive("lock-of-this-test"):
        _ = 1 / 0
    with held_while_alive("lock-of-this-test") as again:
        assert again


def test_a_process_that_dies_keeps_it_half_a_minute_at_most(client):
    with held_while_alive("lock-of-this-test"):
        assert 0 < seconds_left(client) <= LEASE_SECONDS <= 30


def test_it_is_renewed_while_the_work_lasts(client, monkeypatch):
    monkeypatch.setattr(locks, "RENEW_SECONDS", 0.01)
    with held_while_alive("lock-of-this-test"):
        (key,) = client.keys("*lock-of-this-test")
        client.expire(key, 5)
        until = time.monotonic() + 4
        while seconds_left(client) <= 5:
            assert time.monotonic() < until, "it was not renewed"
