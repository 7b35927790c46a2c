"""What can hardly be taken back asks again who it is."""

from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from tests.refusals.asking import Browser
from tests.refusals.cast import Cast
from tests.refusals.lines import LINES
from tests.refusals.places import OWN, World

pytestmark = pytest.mark.django_db

DANGEROUS = {
    "accounts:factor-rule-remove",
    "accounts:factor-rules",
    "accounts:membership-except",
    "accounts:membership-remove",
    "accounts:person-close",
    "accounts:person-factors-reset",
    "accounts:person-invite",
    "accounts:person-reopen",
    "accounts:role-create",
    "accounts:role-delete",
    "accounts:role-give",
    "live:webhook-renew",
    "servers:server-edit",
    "servers:server-unlink",
    "sso:server-launch",
    "tenants:tenant-delete",
    "tenants:tenant-purge",
    "tenants:tenant-suspend",
}
"""What asks for a fresh proof of who it is, with whatever leads to the same."""


@pytest.mark.parametrize("name", sorted(DANGEROUS))
def test_what_is_dangerous_asks_again_who_it_is(name: str, world: World, cast: Cast, browser: Browser):
    line, place = LINES[name], world[OWN]
    url = reverse(name, args=line.of(place) if line.of else [])
    with time_machine.travel(timezone.now() + timedelta(minutes=11)):
        answer = browser.ask(cast.keeper, "post", url, line.sent("post", place))
    assert answer.status == 302
    assert answer.location.startswith(reverse("account_reauthenticate"))
