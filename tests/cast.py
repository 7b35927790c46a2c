"""The cast: people of several tenants, as fixtures. Loaded by tests/conftest.py."""

from dataclasses import dataclass

import pytest
from django.test import Client

from portal.accounts.forms_tokens import READING
from portal.accounts.models import User
from portal.accounts.token_text import new_token
from portal.tenants.models import Tenant
from tests.factories import (
    ApiTokenFactory,
    ExclusionFactory,
    MembershipFactory,
    TenantFactory,
    UserFactory,
    provider_tenant,
)


@dataclass(frozen=True)
class Person:
    """Somebody with one role in one Tenant."""

    user: User
    tenant: Tenant

    def client(self) -> Client:
        """A browser that is signed in as this person."""
        client = Client()
        client.force_login(self.user)
        return client

    def script(self, *permissions: str) -> Client:
        """A script with an API token of this person's, for `permissions` or for all that the API reads."""
        text = new_token()
        ApiTokenFactory(owner=self.user, text=text, permissions=list(permissions or READING))
        return script(text)


def script(text: str) -> Client:
    """A script that sends `text` as its API token."""
    return Client(headers={"authorization": f"Bearer {text}"})


def person(tenant: Tenant, role: str) -> Person:
    return Person(MembershipFactory(tenant=tenant, role=role).user, tenant)


@pytest.fixture
def provider(db: None) -> Person:
    """The provider's owner: sees and does everything."""
    return person(provider_tenant(), "owner")


@pytest.fixture
def technician(db: None) -> Person:
    """The provider's technician."""
    return person(provider_tenant(), "technician")


@pytest.fixture
def reseller(db: None) -> Person:
    """Administrator of a reseller below the provider."""
    return person(TenantFactory(kind=Tenant.Kind.RESELLER, name="Reseller"), "admin")


@pytest.fixture
def customer(reseller: Person) -> Person:
    """A customer of the reseller."""
    return person(TenantFactory(parent=reseller.tenant, name="A customer of it"), "customer")


@pytest.fixture
def outsider(db: None) -> Person:
    """Administrator of another reseller: same rights, other tenant."""
    return person(TenantFactory(kind=Tenant.Kind.RESELLER, name="Another reseller"), "admin")


@pytest.fixture
def kept_out(reseller: Person, monkeypatch: pytest.MonkeyPatch) -> Person:
    """Administrator at the provider of everything but the reseller: told by what is left out."""
    monkeypatch.setattr("portal.accounts.access.FEW", 0)
    admin = person(provider_tenant(), "admin")
    ExclusionFactory(membership=admin.user.memberships.get(), tenant=reseller.tenant)
    return admin


@pytest.fixture
def nobody(db: None) -> Person:
    """Signed in, with no role anywhere."""
    return Person(UserFactory(), provider_tenant())
