"""The two lists of the mapping page."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains

from portal.servers.models import Placement
from tests.cast import person
from tests.factories import CometServerFactory, DeviceFactory, MembershipFactory, TenantFactory, UserFactory

pytestmark = pytest.mark.django_db

ORGANIZATIONS = reverse("placing:placement-list")
USERS = reverse("placing:profile-list")


def names(response):
    return [row.name for row in response.context["rows"]]


def test_organizations_stand_by_name_with_what_they_hold_and_a_suggestion(provider, board):
    TenantFactory(name="Alpine Dental")
    alpine = board.organization("Alpine Dental")
    board.organization("zebra")
    DeviceFactory(profile=board.user("maria", alpine.organization_id))

    response = provider.client().get(ORGANIZATIONS)

    assert names(response) == ["No organization (top level)", "Alpine Dental", "zebra"]
    row = response.context["rows"][1]
    assert (row.users, row.devices, row.suggestion.tenant_name) == (1, 1, "Alpine Dental")
    assertContains(response, "Same name, 100 %")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("q=ALP", ["Alpine Dental"]),
        ("q=harbour", ["Placed one"]),
        ("unmapped=on&suggestion=none", ["No organization (top level)", "Nobody knows"]),
        ("suggestion=exact", ["Alpine Dental"]),
        ("suggestion=any", ["Alpine Dental", "Harbor Freigt"]),
        ("q=nothing", []),
    ],
)
def test_the_list_is_narrowed(provider, board, query, expected):
    TenantFactory(name="Alpine Dental")
    harbour = TenantFactory(name="Harbour Freight")
    board.organization("Alpine Dental")
    board.organization("Harbor Freigt")
    board.organization("Nobody knows")
    board.organization("Placed one", tenant=harbour, is_unmapped=False)

    assert names(provider.client().get(f"{ORGANIZATIONS}?{query}")) == expected


def test_a_filter_by_server_shows_that_server_alone(provider, board):
    board.organization("Here")
    elsewhere = CometServerFactory(tenant=provider.tenant)
    Placement.objects.create(server=elsewhere, organization_id="x", tenant=provider.tenant)

    assert "Here" in names(provider.client().get(f"{ORGANIZATIONS}?server={board.server.pk}"))
    assert names(provider.client().get(f"{ORGANIZATIONS}?server={elsewhere.pk}")) == ["x"]


@pytest.mark.parametrize("query", ["server=999999", "server=x", "suggestion=x", "q=%00", "q=<b>"])
def test_a_filter_that_cannot_be_used_gives_no_rows(provider, board, query):
    board.organization("Here")

    response = provider.client().get(f"{ORGANIZATIONS}?{query}")

    assert response.status_code == 422
    assert names(response) == []


def test_who_manages_tenants_and_not_the_server_sees_no_organization_of_it(provider, reseller, board):
    """Neither another's, nor his own: he places nothing there."""
    board.organization("Another customer")
    board.organization("His own", tenant=reseller.tenant, is_unmapped=False)
    board.user("somebody@alpine.example")

    for url in (ORGANIZATIONS, USERS):
        response = reseller.client().get(url)
        assert names(response) == []
        assertNotContains(response, board.server.name)
        assertNotContains(response, "Another customer")
    assert reseller.client().get(f"{ORGANIZATIONS}?server={board.server.pk}").status_code == 422


def test_a_tenant_beyond_reach_is_not_named_and_its_organization_not_offered(reseller, outsider):
    server = CometServerFactory(tenant=reseller.tenant)
    Placement.objects.create(server=server, organization_id="far", tenant=outsider.tenant)

    response = reseller.client().get(ORGANIZATIONS)

    (row,) = response.context["rows"]
    assert (row.tenant_name, row.can_place) == ("", False)
    assertNotContains(response, outsider.tenant.name)


def test_users_to_place_are_those_without_a_placed_organization(provider, board):
    waiting = board.organization("Waiting")
    placed = board.organization("Placed", tenant=TenantFactory(), is_unmapped=False)
    board.user("top")
    board.user("waits", waiting.organization_id)
    board.user("settled", placed.organization_id)
    by_hand = board.user("hand", placed.organization_id)
    by_hand.placement = Placement.objects.create(
        server=board.server, organization_id=placed.organization_id, username="hand", tenant=provider.tenant
    )
    by_hand.save()

    assert names(provider.client().get(USERS)) == ["hand", "top", "waits"]
    assert names(provider.client().get(f"{USERS}?placed=yes")) == ["hand"]
    assert names(provider.client().get(f"{USERS}?placed=no&q=to")) == ["top"]


def test_users_are_suggested_by_account_name_and_mail_domain(provider, board):
    tenant = TenantFactory(name="Alpine Dental")
    MembershipFactory(tenant=tenant, user=UserFactory(email="boss@alpine.example"))
    board.user("a", account_name="alpine dental")
    board.user("b", email="frontdesk@Alpine.example")
    board.user("c@alpine.example")
    board.user("d", email="d@gmail.com")

    response = provider.client().get(USERS)
    reasons = {row.name: row.suggestion and row.suggestion.reason for row in response.context["rows"]}

    assert reasons == {
        "a": "Same name",
        "b": "Mail domain alpine.example",
        "c@alpine.example": "Mail domain alpine.example",
        "d": None,
    }
    assert names(provider.client().get(f"{USERS}?suggestion=any")) == ["a", "b"]
    assert names(provider.client().get(f"{USERS}?suggestion=exact")) == ["a"]


MOST_QUERIES = 16


@pytest.mark.parametrize("url", [ORGANIZATIONS, USERS])
def test_the_number_of_queries_is_the_same_for_3_rows_as_for_30(provider, board, url):
    def add(count, start):
        for number in range(start, start + count):
            TenantFactory(name=f"Company number {number}")
            placement = board.organization(f"Company number {number}")
            board.user(f"user{number}", placement.organization_id, email=f"u@company{number}.example")

    def queries():
        with CaptureQueriesContext(connection) as context:
            assert client.get(url).status_code == 200
        return len(context)

    client = provider.client()
    add(3, 0)
    few = queries()
    add(27, 3)

    assert queries() == few
    assert few <= MOST_QUERIES


def test_pages_follow_one_another_by_key(provider, board):
    for number in range(60):
        board.organization(f"Organization {number:03}")

    first = provider.client().get(ORGANIZATIONS)
    second = provider.client().get(first.context["page"].next_url)

    assert len(names(first)) == 50
    assert names(second) == [f"Organization {number:03}" for number in range(49, 60)]


def test_empty_lists_say_why(provider, reseller):
    assertContains(reseller.client().get(ORGANIZATIONS), "No Comet Server of yours")
    CometServerFactory(tenant=provider.tenant)
    assertContains(provider.client().get(ORGANIZATIONS), "Not read yet")
    assertContains(provider.client().get(USERS), "Nobody to place")
    assertContains(provider.client().get(f"{USERS}?q=zz"), "No users match")


def test_a_technician_places_nothing(technician, board):
    for url in (ORGANIZATIONS, USERS, reverse("placing:change-list")):
        assert technician.client().get(url).status_code == 403
    assertNotContains(technician.client().get("/"), ORGANIZATIONS)


def test_an_admin_below_the_owner_of_the_server_places_nothing_on_it(board, reseller):
    below = person(TenantFactory(parent=reseller.tenant), "admin")
    board.organization("Hidden")

    assert names(below.client().get(ORGANIZATIONS)) == []
