"""Who views the portal as somebody else changes nothing, opens nothing and takes nothing away."""

from dataclasses import replace

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from portal.audit.models import Entry
from portal.core.access import LOOKING
from tests.refusals.asking import Browser, taken_back
from tests.refusals.cast import Asker, Cast
from tests.refusals.line import NOT_OFFERED
from tests.refusals.lines import LINES, ONES_OWN, SSO
from tests.refusals.open_lines import OPEN
from tests.refusals.places import MARKS, OWN, SUB, World
from tests.test_conventions import url_patterns

pytestmark = pytest.mark.django_db
ENDS_IT = {"accounts:view-as-stop", "account_logout"}
CLOSED = {name for name, line in LINES.items() if name not in OPEN and not line.by_token}
FILES = {name for name, url in url_patterns() if hasattr(url.callback, "hands_out_file")}
SHOWN = {name for name in CLOSED if LINES[name].get != NOT_OFFERED}


@pytest.fixture(scope="module")
def viewer(world: World, cast: Cast) -> Asker:
    """Amber's keeper while he sees Birch as its owner does."""
    client = Client()
    client.force_login(cast.keeper.user)
    begun = client.post(reverse("accounts:view-as"), {"role": "owner", "tenant": world[SUB].tenant.pk})
    assert begun.status_code == 302
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    return replace(cast.keeper, session=session, reach=frozenset({SUB}), permissions=LOOKING, token="")


def url_of(name: str, world: World, relation: str = SUB) -> str:
    of = LINES[name].of
    return reverse(name, args=of(world[relation]) if of else [])


@pytest.mark.parametrize("name", sorted(CLOSED - ENDS_IT))
def test_no_form_is_taken(name: str, world: World, viewer: Asker, browser: Browser):
    line, place = LINES[name], world[SUB]
    for method in ("post", "put", "patch", "delete"):
        assert browser.ask(viewer, method, url_of(name, world), line.sent("post", place)).status == 403


@pytest.mark.parametrize("name", sorted(FILES | SSO.keys() | ONES_OWN.keys() - ENDS_IT))
def test_no_file_no_sign_in_and_nothing_of_ones_own(name: str, world: World, viewer: Asker, browser: Browser):
    assert browser.ask(viewer, "get", url_of(name, world)).status == 403


@pytest.mark.parametrize("name", sorted(SHOWN))
def test_what_is_seen_is_what_both_see(name: str, world: World, viewer: Asker, browser: Browser):
    """Pages for looking are there for Birch alone; all others are refused."""
    line = LINES[name]
    for relation, place in world.places.items():
        answer = browser.ask(viewer, "get", url_of(name, world, relation), line.sent("get", place))
        if line.gate in LOOKING and name not in FILES:
            assert answer.status in (line.wanted(viewer, relation, "get"), 403), relation
        told = {one for one in MARKS if MARKS[one] in answer.text} - {SUB}
        assert told <= {OWN}  # the viewer's own name, in the shell


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_file_that_is_refused_is_not_noted_as_taken(name: str, world: World, viewer: Asker):
    client = Client()
    client.cookies[settings.SESSION_COOKIE_NAME] = viewer.session
    newest = Entry.objects.latest("pk").pk
    with taken_back():
        assert client.get(url_of(name, world)).status_code == 403
        assert not Entry.objects.filter(pk__gt=newest).exists()
