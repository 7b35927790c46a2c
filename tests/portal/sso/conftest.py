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
from tests.emulated import _may_contact_loopback, emulator, link, linked, sync  # noqa: F401  (fixtures)

JSON = {"Accept": "application/json"}


@pytest.fixture
def synced(linked: CometServer, provider: Person) -> CometServer:  # noqa: F811
    sync(linked, provider.user)
    return linked


@pytest.fixture
def organization(synced: CometServer, reseller: Person) -> Organization:
    """An organization of the server, placed with the reseller."""
    found = Organization.objects.filter(server=synced).exclude(host="").order_by("pk").first()
    assert found is not None
    Placement.objects.filter(server=synced, organization_id=found.organization_id).update(
        tenant=reseller.tenant
    )
    return found


@pytest.fixture
def profile(organization: Organization) -> UserProfile:
    """An end user of that organization."""
    found = UserProfile.objects.filter(organization_id=organization.organization_id).order_by("pk").first()
    assert found is not None
    return found


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
