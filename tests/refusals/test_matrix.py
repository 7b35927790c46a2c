"""Every URL × every role × own tenant, sub-tenant, sibling and ancestor × GET and POST.

Each URL has one test, which asks as everybody for the object of every place and fails with a table of
what was wanted and what came.
"""

from collections.abc import Iterator

import pytest
from django.urls import reverse

from portal.accounts.forms_tokens import READING
from portal.core.access import PERMISSIONS
from tests.refusals.asking import Browser
from tests.refusals.cast import Asker, Cast
from tests.refusals.line import NOT_OFFERED, PUBLIC, Line
from tests.refusals.lines import LINES
from tests.refusals.places import MARKS, OWN, RELATIONS, Place, World
from tests.test_conventions import url_patterns

pytestmark = pytest.mark.django_db
METHODS = ("get", "post")
REFUSED = {401, 403, 404, 405}
LISTS = [name for name, line in LINES.items() if line.shows]
USE_OF_TOKENS = {"accounts_apitoken"}
"""Where it is noted that a script came, and from where."""


@pytest.fixture(scope="module")
def askers(cast: Cast) -> dict[str, list[Asker]]:
    """Who asks for each URL; all made before the first test, whose changes are taken back with it."""
    return {name: askers_of(line, cast) for name, line in LINES.items()}


def test_every_url_has_a_line():
    urls = {name for name, _ in url_patterns()}
    missing = sorted(urls - LINES.keys())
    assert not missing, (
        f"No Line for {', '.join(missing)}. Say in tests/refusals/lines.py who may use it, such as"
        ' `"jobs:job-detail": Line("job:view", of=lambda p: [p.job.pk])`: the permission of its decorator,'
        " the answers to GET and POST, and how its object is found in a place (tests/refusals/places.py)."
        " What answers without a session goes into tests/refusals/open_lines.py, with the reason."
    )
    assert sorted(LINES.keys() - urls) == [], "Lines of URLs that are gone"


def askers_of(line: Line, cast: Cast) -> list[Asker]:
    """Everybody, roles of nothing but what the URL needs, and of everything but that."""
    needed = [one for one in (line.gate, line.see, line.act, line.change) if one in PERMISSIONS]
    needed = list(dict.fromkeys(needed))
    narrow = [cast.with_only([one]) for one in needed]
    if len(needed) > 1:
        narrow.append(cast.with_only(needed))
    scripts = cast.scripts(READING) if line.by_token else []
    return [*cast.named, *narrow, *(cast.without(one) for one in needed), *scripts]


def relations_of(line: Line, method: str) -> tuple[str, ...]:
    """The places to ask for. A method that is not offered looks nothing up."""
    return RELATIONS if line.names_an_object and line.offered(method) != NOT_OFFERED else (OWN,)


def url_of(name: str, line: Line, place: Place) -> str:
    return reverse(name, args=line.of(place) if line.of else [])


@pytest.mark.parametrize("name", LISTS)
def test_lists(name: str, world: World, askers: dict[str, list[Asker]], browser: Browser):
    """The part of the matrix that SQL alone decides; it is run on PostgreSQL, too."""
    check(name, world, askers, browser)


@pytest.mark.parametrize("name", [name for name in LINES if name not in LISTS])
def test_matrix(name: str, world: World, askers: dict[str, list[Asker]], browser: Browser):
    check(name, world, askers, browser)


def check(name: str, world: World, askers: dict[str, list[Asker]], browser: Browser) -> None:
    line = LINES[name]
    wrong = [
        problem
        for asker in askers[name]
        for method in METHODS
        for relation in relations_of(line, method)
        for problem in problems(name, line, asker, method, relation, world, browser)
    ]
    assert not wrong, f"{name}\n" + "\n".join(wrong)


def problems(
    name: str, line: Line, asker: Asker, method: str, relation: str, world: World, browser: Browser
) -> Iterator[str]:
    place = world[relation]
    answer = browser.ask(
        asker, method, url_of(name, line, place), line.sent(method, place), by_token=line.by_token
    )
    wanted = line.wanted(asker, relation, method)
    who = f"{method.upper():4} {asker.called:32} {relation:8}"
    if answer.status != wanted:
        yield f"{who} wanted {wanted}, got {answer.status} {answer.location}"
    wrote = answer.wrote - USE_OF_TOKENS if line.by_token else answer.wrote
    if wanted in REFUSED and wrote:
        yield f"{who} was refused, and wrote to {', '.join(sorted(wrote))}"
    told = {one for one in RELATIONS if MARKS[one] in answer.text}
    if told - asker.reach:
        yield f"{who} tells of {', '.join(sorted(told - asker.reach))}"
    if method == "get" and line.showing(asker) - told:
        yield f"{who} does not show {', '.join(sorted(line.showing(asker) - told))}"


@pytest.mark.parametrize("name", [name for name, line in LINES.items() if line.names_an_object])
def test_the_object_was_there(name: str, cast: Cast):
    """Somebody is let in to each object, so that what others did not find existed."""
    line = LINES[name]
    provider = next(one for one in cast.named if one.called == "owner of Dune")
    asker, places = (cast.keeper, (OWN,)) if line.is_mine else (provider, RELATIONS)
    for method in METHODS:
        wanted = {line.wanted(asker, relation, method) for relation in places}
        assert len(wanted) == 1
        assert line.gate == PUBLIC or wanted == {line.offered(method)}


@pytest.mark.parametrize("name", [name for name, line in LINES.items() if line.gate in PERMISSIONS])
def test_the_wrong_method(name: str, world: World, cast: Cast, browser: Browser):
    """PUT, PATCH and DELETE are offered nowhere."""
    url = url_of(name, LINES[name], world[OWN])
    assert {browser.ask(cast.keeper, method, url).status for method in ("put", "patch", "delete")} == {405}
