"""The tenant tree and the switcher through their pages."""

import pytest
from django.urls import reverse
from pytest_django.asserts import assertContains

from portal.accounts.access import access_for
from portal.audit.models import Entry
from portal.tenants.models import Tenant
from portal.tenants.selectors import name_of_only_tenant
from tests.factories import DeviceFactory, TenantFactory

pytestmark = pytest.mark.django_db


def test_the_tree_shows_own_tenants_only(reseller, customer, outsider):
    page = reseller.client().get(reverse("tenants:tenant-list")).content.decode()
    assert customer.tenant.name in page
    assert outsider.tenant.name not in page


def test_who_reaches_one_tenant_reads_its_name_and_that_costs_no_query(customer, django_assert_num_queries):
    access = access_for(customer.user)
    with django_assert_num_queries(0):
        assert name_of_only_tenant(access) == customer.tenant.name
    assertContains(customer.client().get("/"), f'<span class="tenant-name">{customer.tenant.name}</span>')


def test_who_views_as_a_customer_reads_the_customers_name(provider, reseller, customer):
    both = access_for(provider.user).intersection(access_for(customer.user))
    assert name_of_only_tenant(both) == customer.tenant.name
    assert name_of_only_tenant(access_for(reseller.user)) == ""
    assert name_of_only_tenant(access_for(provider.user)) == ""


def test_a_tenant_is_made_below_another(provider, reseller):
    data = {"name": "Bright Dental", "kind": "customer", "parent": reseller.tenant.pk}
    response = provider.client().post(reverse("tenants:tenant-create"), data)
    tenant = Tenant.objects.get(name="Bright Dental")
    assert response.url == reverse("tenants:tenant-detail", args=[tenant.pk])
    assert tenant.path == f"{reseller.tenant.path}{tenant.pk}/"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "x" * 10_240),
        ("name", "<script>alert(1)</script>"),
        ("name", "abc\u202edef"),
        ("kind", "provider"),
        ("parent", "999999"),
    ],
)
def test_bad_input_is_refused_at_its_field(provider, reseller, field, value):
    data = {"name": "Fine", "kind": "customer", "parent": reseller.tenant.pk} | {field: value}
    response = provider.client().post(reverse("tenants:tenant-create"), data)
    assert response.status_code == 422
    assert field in response.context["form"].errors


def test_a_name_is_used_once_below_one_parent(provider, customer):
    data = {"name": customer.tenant.name.upper(), "kind": "customer", "parent": customer.tenant.parent_id}
    response = provider.client().post(reverse("tenants:tenant-create"), data)
    assert response.status_code == 422
    assert "name" in response.context["form"].errors


def test_a_tenant_is_renamed(provider, customer):
    provider.client().post(reverse("tenants:tenant-detail", args=[customer.tenant.pk]), {"name": "New name"})
    customer.tenant.refresh_from_db()
    assert customer.tenant.name == "New name"
    ended = Entry.objects.get(action="tenant.rename", phase="ended")
    assert ended.details["changes"] == [{"field": "name", "before": "A customer of it", "after": "New name"}]


def test_the_switcher_narrows_what_pages_show(provider, reseller, customer):
    inside, outside = DeviceFactory(tenant=customer.tenant), DeviceFactory()
    client = provider.client()
    client.post(reverse("tenants:tenant-switch"), {"tenant": reseller.tenant.pk, "next": "/devices/"})
    page = client.get(reverse("fleet:device-list")).content.decode()
    assert inside.name in page
    assert outside.name not in page
    client.post(reverse("tenants:tenant-switch"), {"tenant": ""})
    assert outside.name in client.get(reverse("fleet:device-list")).content.decode()


def test_the_switcher_offers_what_is_within_reach(reseller, customer, outsider):
    offered = reseller.client().get(reverse("tenants:tenant-options")).content.decode()
    assert customer.tenant.name in offered
    assert outsider.tenant.name not in offered


@pytest.mark.parametrize("chosen", ["abc", "0", "99999999", "-1", "\u0661", "9" * 19, "9" * 5000])
@pytest.mark.parametrize("who", ["provider", "reseller"])
def test_a_tenant_that_is_not_there_cannot_be_chosen(request, who, chosen):
    client = request.getfixturevalue(who).client()
    response = client.post(reverse("tenants:tenant-switch"), {"tenant": chosen})
    assert response.status_code == 404


def test_a_foreign_tenant_cannot_be_chosen(reseller, outsider):
    data = {"tenant": outsider.tenant.pk}
    assert reseller.client().post(reverse("tenants:tenant-switch"), data).status_code == 404


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example.com/",
        "//evil.example.com/",
        "/\\evil.example.com/",
        "///evil.example.com",
        "javascript:alert(1)",
        "https://testserver/devices/",
        "devices",
        "overview:home",
        "x" * 10_000,
        "",
    ],
)
def test_the_switcher_leads_to_pages_of_the_portal_alone(provider, target):
    data = {"tenant": "", "next": target}
    assert provider.client().post(reverse("tenants:tenant-switch"), data).url == "/"


def test_the_tree_costs_the_same_for_many_tenants(provider, django_assert_max_num_queries):
    for _ in range(30):
        TenantFactory()
    client = provider.client()
    with django_assert_max_num_queries(14):
        client.get(reverse("tenants:tenant-list"))
