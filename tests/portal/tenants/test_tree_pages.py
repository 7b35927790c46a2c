"""The tree page and what it opens, searches and gives as a file."""

import csv

import pytest
from django.test import Client
from django.urls import reverse

from portal.tenants.branches import AT_ONCE
from portal.tenants.models import Tenant
from portal.tenants.selectors import SHOWN
from portal.tenants.services import create_tenant
from tests.cast import person
from tests.factories import (
    CometServerFactory,
    CustomRoleFactory,
    DeviceFactory,
    MembershipFactory,
    OrganizationFactory,
    PlacementFactory,
    TenantFactory,
)

pytestmark = pytest.mark.django_db
LIST = "tenants:tenant-list"


def rows(response):
    return {row.node.name: row for row in response.context["branch"].rows}


def below(tenant, **query):
    return reverse("tenants:tenant-below", args=[tenant.pk]), query


def test_a_single_top_is_open_and_the_rest_opens_when_asked_for(provider, reseller, customer):
    browser = provider.client()
    shown = rows(browser.get(reverse(LIST)))
    assert set(shown) == {"Provider", reseller.tenant.name}
    assert set(rows(browser.get(*below(reseller.tenant)))) == {customer.tenant.name}


def test_numbers_include_everything_below(provider, reseller, customer):
    DeviceFactory(tenant=customer.tenant)
    DeviceFactory(tenant=reseller.tenant)
    MembershipFactory(user=reseller.user, tenant=customer.tenant, role="viewer")  # counted once
    shown = rows(provider.client().get(reverse(LIST)))
    row = shown[reseller.tenant.name]
    assert (row.tenants, row.user_profiles, row.devices, row.people) == (1, 2, 2, 2)
    assert shown["Provider"].tenants == 2


def test_brothers_and_sisters_stand_in_alphabetical_order(provider):
    for name in ("beta", "Alpha", "Émile", "zeta"):
        TenantFactory(name=name)
    names = list(rows(provider.client().get(reverse(LIST))))
    assert names == ["Provider", "Alpha", "beta", "zeta", "Émile"]


def test_a_tenant_whose_parent_is_not_seen_stands_at_the_top(reseller, customer, outsider):
    MembershipFactory(
        user=reseller.user, tenant=TenantFactory(parent=outsider.tenant, name="Far"), role="viewer"
    )
    shown = rows(reseller.client().get(reverse(LIST)))
    assert {name: row.node.depth for name, row in shown.items()} == {"Far": 0, reseller.tenant.name: 0}


def test_a_large_branch_comes_in_portions(provider):
    parent = TenantFactory(name="Large")
    made = [TenantFactory(parent=parent, name=f"T{number:03}").name for number in range(AT_ONCE + 30)]
    browser = provider.client()
    first = browser.get(*below(parent))
    assert "Show 30 more of 30" in first.content.decode()
    second = browser.get(*below(parent, start=AT_ONCE))
    assert [*rows(first), *rows(second)] == made
    assert "more of" not in second.content.decode()


def test_a_branch_on_a_tenant_s_page_begins_at_the_edge(provider, reseller, customer):
    below_it = TenantFactory(parent=customer.tenant)
    browser = provider.client()
    page = browser.get(reverse("tenants:tenant-detail", args=[reseller.tenant.pk]))
    base = page.context["branch"].base
    assert rows(page)[customer.tenant.name].indent == 0
    assert rows(browser.get(*below(customer.tenant, base=base)))[below_it.name].indent == 1


@pytest.mark.parametrize("start", ["x", "-1", "9" * 30, "\u0661", ""])
def test_a_start_that_is_none_shows_the_beginning_or_nothing(provider, customer, start):
    assert provider.client().get(*below(provider.tenant, start=start)).status_code == 200


def test_a_branch_of_another_tenant_is_not_there(reseller, outsider):
    assert reseller.client().get(*below(outsider.tenant)).status_code == 404


def test_the_search_finds_part_of_a_name_anywhere_and_shows_its_path(provider, reseller, customer):
    TenantFactory(name="Ärztehaus")
    response = provider.client().get(reverse(LIST), {"q": "USTOMER of"})
    assert set(rows(response)) == {customer.tenant.name}
    assert f"Provider / {reseller.tenant.name} / {customer.tenant.name}" in response.content.decode()
    assert set(rows(provider.client().get(reverse(LIST), {"q": "ärzte"}))) == {"Ärztehaus"}


def test_the_search_says_when_it_finds_nothing(provider):
    page = provider.client().get(reverse(LIST), {"q": "no such name"}).content.decode()
    assert "No tenant has this in its name" in page


def test_a_search_that_is_too_long_is_refused_at_its_field(provider):
    response = provider.client().get(reverse(LIST), {"q": "x" * 500})
    assert response.status_code == 422
    assert "q" in response.context["form"].errors


def test_the_tree_comes_as_a_file(provider, reseller, customer):
    TenantFactory(name="=HYPERLINK(1)")
    response = provider.client().get(reverse("tenants:tenant-export"))
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    lines = list(csv.DictReader(text.splitlines()))
    assert f"Provider / {reseller.tenant.name} / {customer.tenant.name}" in [line["Path"] for line in lines]
    assert "'=HYPERLINK(1)" in [line["Tenant"] for line in lines]


def test_the_file_holds_what_the_search_found(provider, reseller, customer):
    response = provider.client().get(reverse("tenants:tenant-export"), {"q": customer.tenant.name})
    lines = b"".join(response.streaming_content).decode().splitlines()
    assert len(lines) == 2


@pytest.fixture
def thousand(provider):
    """A thousand tenants in three levels, some with devices."""
    resellers = [TenantFactory(kind="reseller", name=f"Reseller {number}") for number in range(9)]
    first = Tenant.objects.order_by("-pk").values_list("pk", flat=True)[0] + 1
    Tenant.objects.bulk_create(
        Tenant(
            pk=first + number,
            parent=resellers[number % 9],
            kind="customer",
            name=f"Customer no. {number}",
            path=f"{resellers[number % 9].path}{first + number}/",
        )
        for number in range(990)
    )
    for number in range(20):
        tenant = Tenant.objects.get(pk=first + number)
        PlacementFactory(tenant=tenant)
        MembershipFactory(tenant=tenant)


@pytest.mark.parametrize("query", [{}, {"q": "no. 1"}])
def test_a_thousand_tenants_cost_as_few_queries_as_three(
    provider, thousand, query, django_assert_max_num_queries
):
    browser = provider.client()
    with django_assert_max_num_queries(15):
        response = browser.get(reverse(LIST), query)
    assert len(response.context["branch"].rows) <= AT_ONCE + 1
    assert len(response.content) < 200_000


def test_a_thousand_tenants_come_as_a_file_in_as_few(provider, thousand, django_assert_max_num_queries):
    browser = provider.client()
    with django_assert_max_num_queries(12):
        response = browser.get(reverse("tenants:tenant-export"))
        assert b"".join(response.streaming_content).count(b"\n") == 1001


@pytest.mark.parametrize("many", [3, SHOWN + 2])
def test_a_tenant_s_page_costs_the_same_for_many(provider, reseller, many, django_assert_max_num_queries):
    server = CometServerFactory(tenant=reseller.tenant)
    for number in range(many):
        placed = OrganizationFactory(server=server, name=f"Org {number:02}")
        PlacementFactory(server=server, organization_id=placed.organization_id, tenant=reseller.tenant)
        person(reseller.tenant, "viewer")
    browser = provider.client()
    with django_assert_max_num_queries(34):
        page = browser.get(reverse("tenants:tenant-detail", args=[reseller.tenant.pk]))
    assert (len(page.context["placements"]), len(page.context["memberships"])) == (
        min(many, SHOWN),
        min(many + 1, SHOWN),
    )
    assert ("and 2 more" in page.content.decode()) == (many > SHOWN)
    assert ("and 3 more" in page.content.decode()) == (many > SHOWN)


def test_a_tenant_s_page_names_what_is_placed_there_as_its_server_does(provider, customer):
    server = CometServerFactory(tenant=provider.tenant, name="fr-par-2")
    for name, of in (("Zeta", server), ("alpha", server), ("Not here", CometServerFactory())):
        OrganizationFactory(server=of, name=name, organization_id=f"id-{name}")
        PlacementFactory(server=server, organization_id=f"id-{name}", tenant=customer.tenant)
    PlacementFactory(server=server, organization_id="", username="mara", tenant=customer.tenant)
    page = provider.client().get(reverse("tenants:tenant-detail", args=[customer.tenant.pk]))
    names = [(one["name"], one["server_name"]) for one in page.context["placements"]]
    assert names == [("alpha", "fr-par-2"), ("mara", "fr-par-2"), ("Zeta", "fr-par-2")]


def test_people_are_counted_where_the_caller_sees_people(reseller, customer):
    MembershipFactory(tenant=customer.tenant)
    looking = CustomRoleFactory(tenant=reseller.tenant, permissions=["tenant:view"])
    browser = Client()
    browser.force_login(MembershipFactory(tenant=reseller.tenant, role="", custom_role=looking).user)
    assert {row.people for row in rows(browser.get(reverse(LIST))).values()} == {None}
    page = browser.get(reverse("tenants:tenant-detail", args=[customer.tenant.pk]))
    assert "<dt>People</dt>" not in page.content.decode()
    file = browser.get(reverse("tenants:tenant-export"))
    assert {line.rsplit(b",", 1)[1] for line in b"".join(file.streaming_content).splitlines()[1:]} == {b""}
    assert rows(reseller.client().get(reverse(LIST)))[customer.tenant.name].people == 2


def test_a_tenant_s_page_tells_its_history_to_who_may_read_the_audit(provider, reseller, customer):
    made = create_tenant(parent=reseller.tenant, kind="customer", name="Made", actor=provider.user)
    url = reverse("tenants:tenant-detail", args=[made.pk])
    provider.client().post(url, {"name": "Another name"})
    assert "Made a tenant" in provider.client().get(url).content.decode()
    assert "Renamed a tenant" in provider.client().get(url).content.decode()
    assert "Renamed a tenant" not in person(reseller.tenant, "viewer").client().get(url).content.decode()
