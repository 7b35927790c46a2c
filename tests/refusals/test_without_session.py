"""Without a session only what tests/refusals/open_lines.py lists answers; everything else is refused."""

import pytest
from django.test import Client
from django.urls import reverse

from tests.refusals.asking import Browser, taken_back
from tests.refusals.cast import Cast
from tests.refusals.line import NO_TOKEN, PUBLIC, SIGN_IN
from tests.refusals.lines import LINES
from tests.refusals.open_lines import OPEN
from tests.refusals.places import OWN, RELATIONS, Place, World
from tests.test_conventions import url_patterns

pytestmark = pytest.mark.django_db
METHODS = ("get", "head", "post", "put", "patch", "delete", "options")
CLOSED = sorted(LINES.keys() - OPEN.keys())


def url_of(name: str, place: Place) -> str:
    of = LINES[name].of
    return reverse(name, args=of(place) if of else [])


def test_every_open_url_has_its_reason():
    assert [name for name, line in OPEN.items() if not line.why_open] == []
    assert {name for name, line in LINES.items() if line.gate == PUBLIC} == OPEN.keys()


def test_only_views_in_the_table_say_that_they_are_open():
    """By token or public: such views tell the sign-in middleware to look away."""
    let_through = {
        name for name, pattern in url_patterns() if not getattr(pattern.callback, "login_required", True)
    }
    assert let_through == {name for name in LINES if name in OPEN or LINES[name].by_token}


@pytest.mark.parametrize("name", LINES)
def test_the_anonymous(name: str, world: World, browser: Browser):
    """The same for objects that are there and for those that are not: nothing is looked up."""
    line = LINES[name]
    for method in ("get", "post"):
        answers = [
            browser.ask(None, method, url_of(name, world[relation]), line.sent(method, world[relation]))
            for relation in RELATIONS
        ]
        assert {one.status for one in answers} == {line.to_the_anonymous(method)}
        assert not any(place.mark in one.text for one in answers for place in world.places.values())


@pytest.mark.parametrize("name", [name for name in CLOSED if not LINES[name].by_token])
def test_every_method_of_a_closed_url_leads_to_the_sign_in(name: str, world: World, browser: Browser):
    url = url_of(name, world[OWN])
    for method in METHODS:
        answer = browser.ask(None, method, url)
        assert (answer.status, answer.location.partition("?")[0]) == (SIGN_IN, reverse("account_login"))


@pytest.mark.parametrize("name", [name for name in CLOSED if LINES[name].by_token])
def test_a_session_opens_no_api(name: str, world: World, cast: Cast, browser: Browser):
    assert browser.ask(cast.keeper, "get", url_of(name, world[OWN])).status == NO_TOKEN


@pytest.mark.parametrize("name", [name for name in CLOSED if not LINES[name].by_token])
def test_a_token_opens_no_page(name: str, world: World, cast: Cast, browser: Browser):
    for method in ("get", "post"):
        answer = browser.ask(cast.keeper, method, url_of(name, world[OWN]), by_token=True)
        assert answer.status == SIGN_IN


@pytest.mark.parametrize("name", sorted(OPEN))
def test_what_is_open_signs_nobody_in(name: str, world: World):
    """Asked without the secret that it checks."""
    client, place = Client(), world[OWN]
    with taken_back():
        for method in ("get", "post"):
            getattr(client, method)(url_of(name, place), OPEN[name].sent(method, place))
            assert client.get(reverse("overview:home")).status_code == SIGN_IN


def test_static_files_are_those_of_the_repository(client):
    assert client.get("/static/css/shell.css").status_code == 200
    for beside in (
        "/static/../portal/settings.py",
        "/static/%2e%2e/portal/settings.py",
        "/static/",
        "/media/",
    ):
        assert client.get(beside).status_code == 404


@pytest.mark.parametrize(
    "url", ["/admin/", "/accounts/", "/api/", "/no/such/page/", "/jobs/1/cancel", "/ws/live/"]
)
def test_addresses_that_are_none_tell_nothing(url: str, client):
    answer = client.get(url)
    assert answer.status_code in (301, 302, 404)
    assert "_auth_user_id" not in client.session
