"""Limits of sign-in: per address, per account, behind proxies, and with Redis gone."""

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from portal.core import events
from portal.core.client_address import trusted_networks
from tests.environment.redis import RedisServer
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
LOGIN = reverse("account_login")
PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def _one_moment():
    with time_machine.travel(timezone.now(), tick=False):
        yield


def attempt(email, password="wrong", address="192.0.2.1", **headers):
    data = {"login": email, "password": password}
    return Client().post(LOGIN, data, REMOTE_ADDR=address, headers=headers)


def is_in(answer):
    return answer.status_code == 302


def test_an_account_is_not_guessed_at_from_many_addresses():
    user = UserFactory()
    for n in range(5):
        attempt(user.email, address=f"192.0.2.{n}")
    answer = attempt(user.email, PASSWORD, address="192.0.2.99")
    assert "Wait five minutes" in answer.content.decode()
    with time_machine.travel(timezone.now() + timedelta(minutes=5, seconds=1), tick=False):
        assert is_in(attempt(user.email, PASSWORD))


def own_browser(user):
    """One in which `user` has signed in before."""
    browser = Client()
    assert is_in(browser.post(LOGIN, {"login": user.email, "password": PASSWORD}))
    browser.post(reverse("account_logout"))
    return browser


def test_strangers_do_not_keep_somebody_out_of_his_own_browser():
    user, other = UserFactory(), UserFactory()
    mine, theirs = own_browser(user), own_browser(other)
    forged = Client()
    forged.cookies["known"] = mine.cookies["known"].value[:-1] + "x"
    for n in range(6):
        attempt(user.email, address=f"192.0.2.{n}")
    right = {"login": user.email, "password": PASSWORD}
    for browser in (Client(), theirs, forged):
        assert not is_in(browser.post(LOGIN, right, REMOTE_ADDR="198.51.100.1"))
    assert is_in(mine.post(LOGIN, right | {"login": user.email.upper()}, REMOTE_ADDR="198.51.100.1"))


def test_nobody_guesses_on_in_a_browser_that_is_known():
    user = UserFactory()
    mine = own_browser(user)
    for n in range(5):
        mine.post(LOGIN, {"login": user.email, "password": "wrong"}, REMOTE_ADDR=f"192.0.2.{n}")
    assert not is_in(mine.post(LOGIN, {"login": user.email, "password": PASSWORD}, REMOTE_ADDR="192.0.2.9"))


def test_many_accounts_are_not_guessed_at_from_one_address():
    user = UserFactory()
    for n in range(10):
        attempt(f"guess{n}@example.com")
    assert not is_in(attempt(user.email, PASSWORD))
    assert is_in(attempt(user.email, PASSWORD, address="192.0.2.2"))


def test_too_many_attempts_say_when_to_try_again():
    for n in range(31):
        answer = attempt(f"guess{n}@example.com")
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "60"
    assert "Wait a minute" in answer.content.decode()


def test_a_header_does_not_make_another_address_where_no_proxy_is_trusted():
    user = UserFactory()
    for n in range(10):
        attempt(f"guess{n}@example.com", **{"X-Forwarded-For": f"198.51.100.{n}"})
    assert not is_in(attempt(user.email, PASSWORD, **{"X-Forwarded-For": "198.51.100.99"}))


def test_behind_a_trusted_proxy_each_client_is_counted_alone(settings):
    settings.TRUSTED_PROXIES = trusted_networks(["10.0.0.1"])
    user = UserFactory()
    for n in range(10):
        attempt(f"guess{n}@example.com", address="10.0.0.1", **{"X-Forwarded-For": "198.51.100.1"})
    own_word = {"X-Forwarded-For": "203.0.113.5, 198.51.100.1"}
    assert not is_in(attempt(user.email, PASSWORD, address="10.0.0.1", **own_word))
    assert is_in(attempt(user.email, PASSWORD, address="10.0.0.1", **{"X-Forwarded-For": "198.51.100.2"}))


def test_sign_in_and_its_limits_hold_while_redis_is_gone(settings):
    user, other = UserFactory(), UserFactory()
    with RedisServer() as server:
        settings.REDIS_URL = server.url
        events.redis_connection.cache_clear()
        for _ in range(4):
            attempt(user.email)
    try:
        assert is_in(attempt(other.email, PASSWORD, address="192.0.2.2"))
        attempt(user.email)
        answer = attempt(user.email, PASSWORD)
        assert answer.status_code == 200
        assert "Wait five minutes" in answer.content.decode()
    finally:
        events.redis_connection.cache_clear()
