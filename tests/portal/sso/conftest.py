"""An emulated server with its organizations placed, and what a launcher's script asks for."""

from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from portal.fleet.models import UserProfile
from portal.servers.models import CometServer, Organization, Placement
from portal.sso.models import Launch
from tests.cast import Person
from tests.emulated import _may_contact_loopback, emulator, linked  # noqa: F401  (fixtures)
from tests.factories import OrganizationFactory, PlacementFactory, UserProfileFactory

JSON = {"Accept": "application/json"}


@pytest.fixture
def organization(linked: CometServer, reseller: Person, emulator: Any) -> Organization:  # noqa: F811
    """An organization of the server, placed with the reseller."""
    guid, told = next(iter(emulator.call("admin/organization/list").items()))
    PlacementFactory(server=linked, organization_id=guid, tenant=reseller.tenant)
    return OrganizationFactory(server=linked, organization_id=guid, host=told["Hosts"][0])


@pytest.fixture
def profile(organization: Organization, emulator: Any) -> UserProfile:  # noqa: F811
    """An end user of that organization."""
    told = emulator.call("admin/list-users-full").items()
    name = next(name for name, profile in told if profile["OrganizationID"] == organization.organization_id)
    placement = Placement.objects.get(organization_id=organization.organization_id)
    return UserProfileFactory(placement=placement, username=name)


def door_url(target: CometServer | Organization | UserProfile) -> str:
    if isinstance(target, CometServer):
        return reverse("sso:server-launch", args=[target.pk])
    if isinstance(target, Organization):
        return reverse("sso:organization-launch", args=[target.server_id, target.pk])
    return reverse("sso:user-launch", args=[target.pk])


def open_door(client: Client, target: Any, **fields: str) -> HttpResponse:
    """What the launcher's script posts; `embedded="1"` is an ordinary form."""
    headers = {} if "embedded" in fields else JSON
    return client.post(door_url(target), {"reason": "Ticket 4711", **fields}, headers=headers)


def fetch_key(client: Client, launch: Launch) -> HttpResponse:
    return client.post(reverse("sso:launch-key", args=[launch.pk]), headers=JSON)


@pytest.fixture
def accepts(emulator: Any) -> Callable[..., bool]:  # noqa: F811
    """Whether the server lets this session key in."""

    def asked(username: str, key: str, *, host: str | None = None, as_user: bool = False) -> bool:
        path = "user/web/get-user-profile-and-hash" if as_user else "admin/account/properties"
        reply = emulator.call(path, host=host, Username=username, AuthType="SessionKey", SessionKey=key)
        return not ("Status" in reply and "Message" in reply and reply["Status"] >= 400)

    return asked
