"""The global search: what it finds, for whom, and what it refuses."""

import pytest
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains

from tests.cast import person
from tests.factories import CometServerFactory, DeviceFactory, JobFactory, TenantFactory, UserProfileFactory

SEARCH = reverse("overview:search")
GUID = "5e7d22fe-b7c8-4516-ac11-d1820b26d0ca"


def find(someone, text):
    return someone.client().get(SEARCH, {"q": text})


def titles(response):
    return [group.title for group in response.context["groups"]]


def test_each_kind_is_found_by_name(provider):
    CometServerFactory(name="needle-server")
    TenantFactory(name="Needle tenant")
    UserProfileFactory(username="needle-user")
    DeviceFactory(name="NEEDLE-PC")

    response = find(provider, "needle")

    assert titles(response) == ["Devices", "Users", "Servers", "Tenants"]
    for text in ("needle-server", "Needle tenant", "needle-user", "NEEDLE-PC"):
        assertContains(response, text)


def test_a_job_is_found_by_its_guid(provider):
    job = JobFactory(guid=GUID, device__name="SHOP-1")

    response = find(provider, f"  {GUID} ")

    assert titles(response) == ["Jobs"]
    assertContains(response, reverse("jobs:job-detail", args=[job.pk]))


def test_nobody_finds_what_is_not_his(reseller, outsider):
    DeviceFactory(name="NEEDLE-PC", tenant=reseller.tenant, profile__username="needle-user")
    JobFactory(guid=GUID, tenant=reseller.tenant)
    CometServerFactory(name="needle-server")
    TenantFactory(name="Needle tenant", parent=reseller.tenant)

    assert titles(find(reseller, "needle")) == ["Devices", "Users", "Tenants"]
    assert titles(find(outsider, "needle")) == []
    assert titles(find(reseller, GUID)) == ["Jobs"]
    assert titles(find(outsider, GUID)) == []


def test_kinds_without_the_permission_are_left_out(reseller):
    JobFactory(guid=GUID, tenant=reseller.tenant)

    assert titles(find(person(reseller.tenant, "billing"), GUID)) == []


def test_few_are_shown_and_all_are_counted(provider):
    profile = UserProfileFactory(username="owner")
    for number in range(11):
        DeviceFactory(name=f"NEEDLE-{number:02}", profile=profile)

    response = find(provider, "needle")

    assertContains(response, "NEEDLE-07")
    assertNotContains(response, "NEEDLE-08")
    assertContains(response, "All 11 devices")
    assertContains(response, f"{reverse('fleet:device-list')}?q=needle")


@pytest.mark.parametrize("text", ["", "   "])
def test_an_empty_search_asks_what_for(provider, text):
    assertContains(find(provider, text), "What are you looking for?")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x", "Type at least 2 characters."),
        ("x" * 10_000, "at most 100 characters"),
        ("<script>alert(1)</script>", "cannot be used here"),
        ("a\u202eb", "invisible character"),
    ],
)
def test_what_cannot_be_looked_for_is_told(provider, text, message):
    response = find(provider, text)

    assertContains(response, message, status_code=422)
    assertNotContains(response, "<script>alert", status_code=422)


def test_nothing_found_is_said(provider):
    assertContains(find(provider, "no such thing"), "Nothing found")


def test_the_search_needs_a_sign_in(client, nobody):
    assert client.get(SEARCH).status_code == 302
    assert titles(find(nobody, "needle")) == []
    assert nobody.client().post(SEARCH).status_code == 405
