"""Fields of forms that name objects: another's is refused as one that is not there, and nothing changes.

The same form with one's own is taken, so that it is the object it was refused for.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from django.urls import reverse

from portal.placing import plans
from tests.refusals.asking import Browser
from tests.refusals.cast import Cast
from tests.refusals.places import ANCESTOR, OWN, SIBLING, Place, World

pytestmark = pytest.mark.django_db
Args = Callable[[Place, Place], list[Any]]


@dataclass(frozen=True)
class Form:
    """A form about one's own, with a field that names something of `other`."""

    url: str
    data: Callable[[Place, Place], Mapping[str, Any]]
    args: Args = lambda own, other: []
    method: str = "post"
    taken: int = 302
    refused: int = 422
    others: tuple[str, ...] = (SIBLING, ANCESTOR)
    """Whose it may be. A role that was made above can be held below."""


def _plan(own: Place, other: Place) -> Mapping[str, Any]:
    line = plans.Line(own.placement.pk, plans.standing(own.placement), other.tenant.pk)
    return {"plan": plans.Plan("organizations", [line]).encode()}


def _plan_new(own: Place, other: Place) -> Mapping[str, Any]:
    line = plans.Line(own.placement.pk, plans.standing(own.placement), plans.NEW, "New")
    return {"plan": plans.Plan("organizations", [line], other.tenant.pk).encode()}


def _custom(place: Place) -> str:
    return f"custom-{place.role.pk}"


FORMS = {
    "a new tenant's parent": Form(
        "tenants:tenant-create",
        lambda own, other: {"name": "New", "kind": "customer", "parent": other.tenant.pk},
    ),
    "where a tenant is moved": Form(
        "tenants:tenant-move",
        lambda own, other: {"parent": other.beside.pk},
        lambda own, other: [own.below.pk],
    ),
    "the switcher": Form(
        "tenants:tenant-switch", lambda own, other: {"tenant": other.tenant.pk}, refused=404
    ),
    "where somebody is invited": Form(
        "accounts:person-invite",
        lambda own, other: {"email": "new@example.com", "tenant": other.tenant.pk, "role": "viewer"},
        taken=200,
    ),
    "the role of an invitation": Form(
        "accounts:person-invite",
        lambda own, other: {"email": "new@example.com", "tenant": own.tenant.pk, "role": _custom(other)},
        taken=200,
        others=(SIBLING,),
    ),
    "where a role is given": Form(
        "accounts:role-give",
        lambda own, other: {"tenant": other.tenant.pk, "role": "customer"},
        lambda own, other: [own.member.pk],
    ),
    "the role that is given": Form(
        "accounts:role-give",
        lambda own, other: {"tenant": own.tenant.pk, "role": _custom(other)},
        lambda own, other: [own.member.pk],
        others=(SIBLING,),
    ),
    "what a given role leaves out": Form(
        "accounts:role-give",
        lambda own, other: {"tenant": own.tenant.pk, "role": "customer", "excluded": other.below.pk},
        lambda own, other: [own.member.pk],
    ),
    "what a role leaves out": Form(
        "accounts:membership-except",
        lambda own, other: {"excluded": other.below.pk},
        lambda own, other: [own.membership.pk],
    ),
    "who makes a role": Form(
        "accounts:role-create",
        lambda own, other: {
            "tenant": other.tenant.pk,
            "name": "New",
            "permissions": ["job:view"],
            "version": 0,
        },
    ),
    "where one looks as another": Form(
        "accounts:view-as", lambda own, other: {"tenant": other.tenant.pk, "role": "viewer"}
    ),
    "the role one looks as": Form(
        "accounts:view-as",
        lambda own, other: {"tenant": own.tenant.pk, "role": _custom(other)},
        others=(SIBLING,),
    ),
    "where second factors are asked for": Form(
        "accounts:factor-rules", lambda own, other: {"tenant": other.tenant.pk, "role": "viewer"}
    ),
    "a token's tenant": Form(
        "accounts:token-make",
        lambda own, other: {
            "name": "New",
            "days": 30,
            "permissions": ["job:view"],
            "within": other.tenant.pk,
        },
        taken=200,
    ),
    "the item that is backed up": Form(
        "fleet:backup-run",
        lambda own, other: {"device": own.device.pk, "item": other.item.pk, "vault": own.vault.pk},
    ),
    "the vault that is backed up to": Form(
        "fleet:backup-run",
        lambda own, other: {"device": own.device.pk, "item": own.item.pk, "vault": other.vault.pk},
    ),
    "one device among several": Form(
        "fleet:backup-run",
        lambda own, other: {"selected": {own.device.pk, other.device.pk}},
        refused=404,
    ),
    "devices by a filter": Form(
        "fleet:backup-run", lambda own, other: {"all_matching": "1", "tenant": other.tenant.pk}
    ),
    "an organization of another server": Form(
        "sso:organization-launch",
        lambda own, other: {},
        lambda own, other: [own.server.pk, other.organization.pk],
        method="get",
        taken=200,
        refused=404,
    ),
    "a server of another organization": Form(
        "sso:organization-launch",
        lambda own, other: {},
        lambda own, other: [other.server.pk, own.organization.pk],
        method="get",
        taken=200,
        refused=404,
    ),
    "one placement among several": Form(
        "placing:placement-confirm",
        lambda own, other: {"selected": [own.placement.pk, other.placement.pk]},
        method="get",
        taken=200,
        refused=404,
    ),
    "where a plan places": Form("placing:placement-place", _plan, refused=302),
    "where a plan makes a tenant": Form("placing:placement-place", _plan_new, refused=302),
    "whose server it will be": Form(
        "servers:server-link",
        lambda own, other: {
            "name": "New",
            "api_url": "http://127.0.0.1:1",
            "username": "admin",
            "password": "not-the-right-one",
            "own_admin": "no",
            "tenant": other.tenant.pk,
        },
        taken=422,
    ),
}


@pytest.mark.parametrize(
    ("what", "relation"), [(what, relation) for what, form in FORMS.items() for relation in form.others]
)
def test_anothers_is_refused(what: str, relation: str, world: World, cast: Cast, browser: Browser):
    form, own, other = FORMS[what], world[OWN], world[relation]
    answer = browser.ask(
        cast.keeper, form.method, reverse(form.url, args=form.args(own, other)), form.data(own, other)
    )
    assert answer.status in (form.refused, 404)
    assert not answer.wrote
    assert other.mark not in answer.text


@pytest.mark.parametrize("what", FORMS)
def test_ones_own_is_taken(what: str, world: World, cast: Cast, browser: Browser):
    form, own = FORMS[what], world[OWN]
    answer = browser.ask(
        cast.keeper, form.method, reverse(form.url, args=form.args(own, own)), form.data(own, own)
    )
    assert answer.status == form.taken, answer.text
