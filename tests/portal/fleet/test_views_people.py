"""Who can see a Device, and why."""

import pytest
from django.urls import reverse

from portal.fleet import views_people
from tests.factories import (
    ApiTokenFactory,
    CustomRoleFactory,
    DeviceFactory,
    ExclusionFactory,
    MembershipFactory,
    TenantFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def device(customer):
    return DeviceFactory(tenant=customer.tenant)


def page_of(who, device):
    return who.client().get(reverse("fleet:device-people", args=[device.pk])).content.decode()


def lines_of(who, device):
    response = who.client().get(reverse("fleet:device-people", args=[device.pk]))
    return {line["sighting"].membership.user: line["sighting"].is_open for line in response.context["lines"]}


def test_roles_held_there_and_above_are_listed_as_far_up_as_the_viewer_sees(
    device, customer, reseller, provider, outsider
):
    assert lines_of(provider, device) == {customer.user: True, reseller.user: True, provider.user: True}
    assert lines_of(reseller, device) == {customer.user: True, reseller.user: True}
    page = page_of(provider, device)
    assert "2 people can see" not in page
    assert "3 people can see this device" in page
    assert outsider.user.name not in page


@pytest.mark.parametrize("many", [1, 8])
def test_many_are_shown_in_part_and_cost_the_same(
    device, customer, reseller, monkeypatch, many, django_assert_max_num_queries
):
    monkeypatch.setattr(views_people, "MOST", 4)
    MembershipFactory.create_batch(many, tenant=customer.tenant, role="viewer")
    browser = reseller.client()
    with django_assert_max_num_queries(14):
        response = browser.get(reverse("fleet:device-people", args=[device.pk]))
    page = response.content.decode()
    assert len(response.context["lines"]) == min(many + 2, 4)
    assert f"{many + 2} people can see this device" in page
    assert ("and 6 more" in page) == (many == 8)


def test_who_is_left_out_is_listed_with_the_reason(device, customer, reseller):
    other = MembershipFactory(tenant=reseller.tenant, role="viewer")
    ExclusionFactory(membership=other, tenant=customer.tenant)
    assert lines_of(reseller, device)[other.user] is False
    assert f"No: {customer.tenant.name} is left out of this role" in page_of(reseller, device)


def test_a_closed_sign_in_sees_nothing(device, customer, reseller):
    other = MembershipFactory(tenant=customer.tenant, role="viewer", user__is_active=False)
    assert lines_of(reseller, device)[other.user] is False


def test_roles_that_show_no_devices_are_not_listed(device, customer, reseller):
    role = CustomRoleFactory(tenant=reseller.tenant, permissions=["job:view"])
    other = MembershipFactory(tenant=customer.tenant, role="", custom_role=role)
    elsewhere = MembershipFactory(tenant=TenantFactory(parent=reseller.tenant), role="viewer")
    assert not {other.user, elsewhere.user} & lines_of(reseller, device).keys()


def test_the_page_of_a_device_leads_there_for_who_sees_people(device, customer, reseller):
    url = reverse("fleet:device-detail", args=[device.pk])
    link = reverse("fleet:device-people", args=[device.pk])
    assert link in reseller.client().get(url).content.decode()
    assert link not in customer.client().get(url).content.decode()


def test_api_tokens_that_see_it_are_listed_as_far_as_the_viewer_sees_people(provider, reseller, outsider):
    device = DeviceFactory(tenant=reseller.tenant)
    ApiTokenFactory(owner=None, tenant=reseller.tenant, name="Our dashboard")
    ApiTokenFactory(owner=None, tenant=provider.tenant, name="The watch from above")
    ApiTokenFactory(owner=outsider.user, name="Elsewhere")
    page = page_of(reseller, device)
    assert "Our dashboard" in page
    assert "The watch from above" not in page
    assert "Elsewhere" not in page
    assert "The watch from above" in page_of(provider, device)
