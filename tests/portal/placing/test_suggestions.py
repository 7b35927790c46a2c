"""Which Tenant is suggested for what, and how sure that is."""

import pytest

from portal.accounts.access import access_for
from portal.placing.suggestions import Matcher, domain_of
from tests.cast import person
from tests.factories import MembershipFactory, TenantFactory, UserFactory

pytestmark = pytest.mark.django_db


def suggest(caller, name, **domains):
    found = Matcher(access_for(caller.user)).suggest([name], domains)
    return found and (found.tenant_name, found.reason, found.confidence)


@pytest.mark.parametrize("name", ["Alpine Dental", "  alpine   DENTAL ", "Ａlpine Dental"])
def test_the_same_name_is_certain_whatever_its_case_and_spaces(provider, name):
    TenantFactory(name="Alpine Dental")

    assert suggest(provider, name) == ("Alpine Dental", "Same name", 100)


@pytest.mark.parametrize(
    "name", ["Alpine Dental GmbH", "Alpine Dentel", "Dental Alpine Ltd.", "Alpine-Dental"]
)
def test_a_close_name_is_less_than_certain(provider, name):
    TenantFactory(name="Alpine Dental")
    TenantFactory(name="Harbour Freight")

    tenant, reason, confidence = suggest(provider, name)

    assert (tenant, reason) == ("Alpine Dental", "Close name")
    assert 70 < confidence < 100


@pytest.mark.parametrize("name", ["Alpine Skiing School", "Harbour", "", "GmbH", "北京"])
def test_what_is_not_close_has_no_suggestion(provider, name):
    TenantFactory(name="Alpine Dental")

    assert suggest(provider, name) is None


def test_a_name_that_two_tenants_have_is_not_certain(provider, reseller):
    TenantFactory(name="Twin")
    TenantFactory(name="Twin", parent=reseller.tenant)

    assert suggest(provider, "Twin") == ("Twin", "Same name as 2 tenants", 50)


def test_a_mail_domain_counts_by_how_many_users_have_it(provider):
    tenant = TenantFactory(name="Nothing alike")
    MembershipFactory(tenant=tenant, user=UserFactory(email="boss@alpine.example"))

    assert suggest(provider, "Something else", **{"alpine.example": 4}) == (
        "Nothing alike",
        "Mail domain alpine.example",
        90,
    )
    assert suggest(provider, "Something else", **{"alpine.example": 1, "other.example": 3})[2] == 60


def test_a_close_name_and_the_mail_domain_confirm_one_another(provider):
    tenant = TenantFactory(name="Alpine Dental")
    MembershipFactory(tenant=tenant, user=UserFactory(email="boss@alpine.example"))

    _, reason, confidence = suggest(provider, "Alpine Dentel", **{"alpine.example": 1})

    assert "Close name" in reason
    assert "alpine.example" in reason
    assert confidence > suggest(provider, "Alpine Dentel")[2]


@pytest.mark.parametrize(
    "address", ["a@gmail.com", "a@yahoo.co.uk", "a@gmx.de", "no address", "a@localhost", ""]
)
def test_addresses_that_anybody_may_have_tell_nothing(address):
    assert domain_of(address) == ""


def test_nothing_is_suggested_that_the_caller_does_not_manage(reseller, outsider):
    TenantFactory(name="Alpine Dental", parent=outsider.tenant)
    viewer = person(TenantFactory(name="Seen only", parent=reseller.tenant), "viewer")

    assert suggest(reseller, "Alpine Dental") is None
    assert suggest(viewer, "Seen only") is None
