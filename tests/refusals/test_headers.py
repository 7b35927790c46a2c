"""The headers and the markup of every page, as the anonymous and as somebody who may see it."""

import pytest
from django.conf import settings
from django.test import Client
from django.urls import resolve, reverse

from tests.portal.core.test_headers import check
from tests.refusals.asking import taken_back
from tests.refusals.line import NOT_OFFERED
from tests.refusals.lines import LINES
from tests.refusals.places import OWN, World

pytestmark = pytest.mark.django_db

FRAMES_A_SERVER = "sso:launch-embedded"
PAGES = sorted(name for name, line in LINES.items() if line.get != NOT_OFFERED)


@pytest.mark.parametrize("name", PAGES)
def test_each_page_keeps_to_the_policy(name: str, world: World) -> None:
    line, place = LINES[name], world[OWN]
    url = reverse(name, args=line.of(place) if line.of else [])
    for session in ("", place.keepers_session):
        client = Client()
        if session:
            client.cookies[settings.SESSION_COOKIE_NAME] = session
        with taken_back():
            response = client.get(url, line.sent("get", place))
            is_framing = name == FRAMES_A_SERVER and response.status_code == 200
            framed = place.server.browser_url if is_framing else "'none'"
            is_file = response.get("Content-Disposition", "").startswith("attachment")
            assert not is_file or getattr(resolve(url).func, "hands_out_file", False)
            check(response, name if response.status_code == 200 else "", framed=framed)
