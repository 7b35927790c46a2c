"""Every topic × every role × own tenant, sub-tenant, sibling and ancestor, on one real server."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from websockets.exceptions import ConnectionClosed

from portal.live.hub import hub_of_this_process
from portal.live.routing import websocket_urlpatterns
from portal.live.topics import SEEN_WITH, parse_topics
from tests.portal.live.live_portal import LivePortal
from tests.refusals.cast import Asker, Cast
from tests.refusals.places import OWN, RELATIONS, SIBLING, SUB, World

JOINED = 0
SIGNED_OUT = 4401
REFUSED = 4403
UNCLEAN = 1006
AT_ONCE = 6
LOOK_EVERY_SECONDS = 0.1
OBJECTS = {
    "job": lambda p: p.job.pk,
    "device": lambda p: p.device.pk,
    "server": lambda p: p.server.pk,
    "operation": lambda p: p.operation.pk,
    "tenant": lambda p: p.tenant.pk,
}
LISTS = sorted(SEEN_WITH.keys() - OBJECTS.keys())


@dataclass(frozen=True)
class Attempt:
    """One socket, and the code it should be closed with; JOINED stays open."""

    asker: Asker | None
    topic: str
    relation: str
    wanted: int


def attempts(world: World, cast: Cast) -> Iterable[Attempt]:
    for kind, of in OBJECTS.items():
        needed = SEEN_WITH[kind]
        for asker in [*cast.named, cast.with_only([needed]), cast.without(needed)]:
            for relation in RELATIONS:
                is_seen = relation in asker.reach and needed in asker.permissions
                topic = f"{kind}:{of(world[relation])}"
                yield Attempt(asker, topic, relation, JOINED if is_seen else REFUSED)
        yield Attempt(None, f"{kind}:{of(world[OWN])}", OWN, SIGNED_OUT)
    for kind in LISTS:
        needed = SEEN_WITH[kind]
        for asker in [*cast.named, cast.with_only([needed]), cast.without(needed)]:
            yield Attempt(asker, kind, "", JOINED if needed in asker.permissions else REFUSED)
        yield Attempt(None, kind, "", SIGNED_OUT)


def outcome(live: LivePortal, asker: Asker | None, topic: str) -> int:
    """The code a socket is closed with, or JOINED once the hub has it."""
    headers = {"Cookie": f"{settings.SESSION_COOKIE_NAME}={asker.session}"} if asker else {}
    with live.open(None, topic, **headers) as browser:
        while True:
            try:
                browser.socket.recv(timeout=LOOK_EVERY_SECONDS)
            except ConnectionClosed as closed:
                return closed.rcvd.code if closed.rcvd else UNCLEAN
            except TimeoutError:
                if asker is None or not live.run(lambda: is_joined(asker.user.pk, topic)):
                    continue
            return JOINED


async def is_joined(user_id: int, topic: str) -> bool:
    topics = parse_topics(topic)
    return any(one.user_id == user_id and one.topics == topics for one in hub_of_this_process().readers())


def wrong(live: LivePortal, asked: Iterable[Attempt]) -> list[str]:
    """What came otherwise than wanted, as lines of a table."""
    asked = list(asked)
    with ThreadPoolExecutor(AT_ONCE) as threads:
        codes = list(threads.map(lambda one: outcome(live, one.asker, one.topic), asked))
    return [
        f"{one.topic.partition(':')[0]:12} {one.asker.called if one.asker else 'the anonymous':32}"
        f" {one.relation:8} wanted {one.wanted}, got {code}"
        for one, code in zip(asked, codes, strict=True)
        if code != one.wanted
    ]


@pytest.fixture
def live(transactional_db: None):
    with LivePortal() as portal:
        yield portal


def test_there_is_one_websocket_address():
    """Another one needs tests like these."""
    assert [str(one.pattern) for one in websocket_urlpatterns] == ["ws/live/"]


def test_topics(live: LivePortal):
    world = World()
    found = wrong(live, attempts(world, Cast(world)))
    assert not found, "\n".join(found)


def test_who_views_as_another_hears_what_both_hear(live: LivePortal):
    """Amber's keeper, who views as an owner of Birch, hears of Birch and no more of Amber."""
    world = World()
    cast = Cast(world)
    client = Client()
    client.force_login(cast.keeper.user)
    client.post(reverse("accounts:view-as"), {"role": "owner", "tenant": world[SUB].tenant.pk})
    viewer = Asker("viewer", cast.keeper.user, client.cookies[settings.SESSION_COOKIE_NAME].value)
    asked = [
        Attempt(viewer, f"{kind}:{of(world[relation])}", relation, JOINED if relation == SUB else REFUSED)
        for kind, of in OBJECTS.items()
        for relation in (OWN, SUB, SIBLING)
    ]
    found = wrong(live, asked)
    assert not found, "\n".join(found)
