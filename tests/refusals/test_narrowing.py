"""What stands behind the `?` leads nobody to another's rows: filters, sorts, cursors.

A filter for somebody else's object answers as one for an object that is not there.
"""

import base64
import json
import re

import pytest
from django.urls import reverse

from tests.refusals.asking import Answer, Browser
from tests.refusals.cast import Asker, Cast
from tests.refusals.lines import LINES
from tests.refusals.places import MARKS, OWN, SIBLING, World

pytestmark = pytest.mark.django_db
LISTS = sorted(
    {name for name, line in LINES.items() if line.shows} | {"tenants:tenant-list", "jobs:attention"}
)
NOBODYS = "4000000000"
NAMED = {
    "server": lambda p: p.server.pk,
    "device": lambda p: p.device.pk,
    "user": lambda p: p.profile.pk,
    "tenant": lambda p: p.tenant.pk,
    "person": lambda p: p.member.pk,
    "actor": lambda p: p.member.pk,
    "profile": lambda p: p.profile.pk,
    "placement": lambda p: p.placement.pk,
    "object": lambda p: f"tenants.tenant:{p.tenant.pk}",
    "role": lambda p: f"custom-{p.role.pk}",
}
"""What the parameters of lists, of any list, may be tried to name."""

TEXTS = {
    *((f"audit:entry-{page}", "person") for page in ("list", "export-csv", "export-jsonl")),
    *((f"live:{page}", "person") for page in ("activity", "activity-export-csv", "activity-export-jsonl")),
}
"""What is searched as text: a number is part of many a name there, and names nobody."""

SORTS = ["placement__tenant__name", "-server__password", "password", "?"]


def ask(browser: Browser, asker: Asker, name: str, **query: object) -> Answer:
    return browser.ask(asker, "get", reverse(name), query, by_token=LINES[name].by_token)


def told(answer: Answer) -> set[str]:
    return {one for one in MARKS if MARKS[one] in answer.text}


def size(answer: Answer) -> int:
    """How much a list holds, whatever it says of it."""
    return len(re.findall(r"<tr|<li|<option", answer.text))


@pytest.mark.parametrize("name", LISTS)
def test_a_filter_for_anothers_object_is_one_for_nothing(
    name: str, world: World, cast: Cast, browser: Browser
):
    """Same status, same size: nobody learns that it exists."""
    place = world[SIBLING]
    for parameter, of in NAMED.items():
        if (name, parameter) in TEXTS:
            continue
        value = of(place)
        nothing = re.sub(r"\d+", NOBODYS, str(value))
        unknown = ask(browser, cast.keeper, name, **{parameter: nothing})
        answer = ask(browser, cast.keeper, name, **{parameter: value})
        assert (answer.status, size(answer)) == (unknown.status, size(unknown)), parameter
        assert told(answer) <= cast.keeper.reach, parameter


@pytest.mark.parametrize(
    ("name", "parameter"),
    [
        ("fleet:device-list", "server"),
        ("fleet:device-list", "user"),
        ("fleet:device-list", "tenant"),
        ("fleet:user-list", "tenant"),
        ("jobs:job-list", "device"),
        ("jobs:job-list", "tenant"),
        ("live:activity", "server"),
        ("live:activity", "tenant"),
        ("audit:entry-list", "tenant"),
        ("placing:placement-list", "server"),
        ("api:device-list", "tenant"),
        ("api:job-list", "device"),
    ],
)
def test_a_filter_for_ones_own_finds_it(
    name: str, parameter: str, world: World, cast: Cast, browser: Browser
):
    answer = ask(browser, cast.keeper, name, **{parameter: NAMED[parameter](world[OWN])})
    assert answer.status == 200
    assert OWN in told(answer)


@pytest.mark.parametrize("name", [*LISTS, "overview:search"])
def test_a_search_finds_nothing_of_others(name: str, world: World, cast: Cast, browser: Browser):
    """The word that was searched for stands in the field, in small letters; nothing else has it."""
    answer = ask(browser, cast.keeper, name, q=world[SIBLING].mark.lower())
    assert told(answer) <= cast.keeper.reach


@pytest.mark.parametrize("name", LISTS)
def test_columns_that_are_not_offered_sort_nothing(name: str, world: World, cast: Cast, browser: Browser):
    plain = ask(browser, cast.keeper, name, sort="no-such-column")
    for sort in SORTS:
        answer = ask(browser, cast.keeper, name, sort=sort)
        assert answer.status == plain.status
        assert told(answer) <= cast.keeper.reach
        assert order(answer) == order(plain)


def order(answer: Answer) -> list[str]:
    """What of the places stands in the rows of a list, from top to bottom."""
    _, table, rows = answer.text.partition("<tbody")
    return re.findall(rf"(?:{'|'.join(MARKS.values())})[-\w]*", rows if table else answer.text)


@pytest.mark.parametrize("name", LISTS)
def test_forged_cursors_lead_to_ones_own_rows(name: str, world: World, cast: Cast, browser: Browser):
    place = world[SIBLING]
    parameters = ["cursor"] if LINES[name].by_token else ["after", "before"]
    for value in (place.device.name, 0, "9999-12-31T00:00:00Z", [1]):
        for pk in (0, place.device.pk, 2**70):
            cursor = base64.urlsafe_b64encode(json.dumps([value, pk]).encode()).decode().rstrip("=")
            for parameter in parameters:
                answer = ask(browser, cast.keeper, name, **{parameter: cursor})
                assert answer.status in (200, 400)
                assert told(answer) <= cast.keeper.reach
