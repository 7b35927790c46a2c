"""Placing organizations: asked, previewed, done, taken back."""

import msgspec
import pytest
import redis
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains

from portal.accounts.access import access_for
from portal.audit.models import Entry
from portal.core.events import FACTS_CHANNEL
from portal.placing.models import Change
from portal.placing.plans import Line, Plan, standing
from portal.servers.models import SERVER_ITSELF, Placement
from portal.servers.placements import unplace_all
from portal.tenants.models import Tenant
from portal.tenants.suspension import suspend_tenant
from tests.factories import (
    CometServerFactory,
    DeviceFactory,
    MembershipFactory,
    PlacementHourFactory,
    TenantFactory,
    UserFactory,
)
from tests.portal.placing.conftest import place

pytestmark = pytest.mark.django_db

CONFIRM = reverse("placing:placement-confirm")
PLACE = reverse("placing:placement-place")


def plan(*lines, kind="organizations", parent=0):
    return {"plan": Plan(kind, list(lines), parent).encode()}


def to(placement, tenant_id, name=""):
    return Line(placement.pk, standing(placement), tenant_id, name)


def now(placement):
    placement.refresh_from_db()
    return placement.tenant, placement.is_unmapped


def toast(response):
    return msgspec.json.decode(response["HX-Trigger"])["toast"]


def test_what_a_placement_changes_is_shown_before(provider, customer, board):
    placement = board.organization("Alpine Dental")
    DeviceFactory(profile=board.user("maria", placement.organization_id))
    PlacementHourFactory(placement=placement, succeeded=1200, failed=34)

    page = provider.client().get(
        CONFIRM, {"selected": placement.pk, "how": "tenant", "tenant": customer.tenant.pk}
    )

    preview = page.context["preview"]
    assert (preview.users, preview.devices, preview.jobs, preview.sign_ins) == (1, 1, 1234, 0)
    assert set(preview.gaining.names) == {
        str(customer.user),
        str(MembershipOf(customer.tenant.parent)),
    }
    assert preview.losing.count == 0
    assertContains(page, "1,234")
    assert now(placement) == (provider.tenant, True)


def MembershipOf(tenant):
    return tenant.memberships.get().user


def test_people_who_lose_sight_are_counted_and_named(provider, reseller, outsider, board):
    placement = board.organization("Moves", tenant=reseller.tenant, is_unmapped=False)
    excepted = MembershipFactory(tenant=provider.tenant, role="technician", user__name="Excepted")
    excepted.exclusions.create(tenant=outsider.tenant)

    page = provider.client().get(
        CONFIRM, {"selected": placement.pk, "how": "tenant", "tenant": outsider.tenant.pk}
    )

    assert page.context["preview"].gaining.names == [str(outsider.user)]
    assert set(page.context["preview"].losing.names) == {"Excepted", str(reseller.user)}


def test_one_placement_moves_all_it_holds_by_one_row(provider, customer, board):
    placement = board.organization("Alpine Dental")
    device = DeviceFactory(profile=board.user("maria", placement.organization_id))
    url = reverse("fleet:device-detail", args=[device.pk])
    assert customer.client().get(url).status_code == 404

    response = provider.client().post(PLACE, plan(to(placement, customer.tenant.pk)))

    assert response.status_code == 302
    assert now(placement) == (customer.tenant, False)
    assert customer.client().get(url).status_code == 200


def test_all_with_the_same_name_are_accepted_at_once_and_taken_back(provider, board):
    tenants = [TenantFactory(name=f"Company {n}") for n in range(60)]
    placements = [board.organization(f"company {n}") for n in range(60)]
    other = board.organization("Nobody knows")
    client = provider.client()
    listed = client.get(reverse("placing:placement-list"))
    assert listed.context["exact"] == 60

    asked = client.get(f"{CONFIRM}?{listed.context['exact_query']}")
    assert asked.context["preview"].moving == 60
    done = client.post(PLACE, {"plan": asked.context["plan"]}, headers={"HX-Request": "true"})

    assert done.status_code == 204
    assert [now(one) for one in placements] == [(tenant, False) for tenant in tenants]
    assert now(other) == (provider.tenant, True)

    undone = client.post(toast(done)["undo_url"], headers={"HX-Request": "true"})

    assert "60 are placed back" in toast(undone)["text"]
    assert [now(one) for one in placements] == [(provider.tenant, True)] * 60
    again = client.post(toast(done)["undo_url"], headers={"HX-Request": "true"})
    assertContains(again, "taken back already", status_code=422)


def test_new_customers_are_made_and_placed_in_one_go(provider, board):
    placements = [board.organization(name) for name in ("Alpine Dental", "Harbour <b>Freight</b>")]
    query = {"selected": [one.pk for one in placements], "how": "new", "parent": provider.tenant.pk}

    asked = provider.client().get(CONFIRM, query)
    assert asked.context["preview"].new_tenants == 2
    provider.client().post(PLACE, {"plan": asked.context["plan"]})

    assert [now(one)[0].name for one in placements] == ["Alpine Dental", "Harbour bFreight/b"]
    assert now(placements[0])[0].kind == Tenant.Kind.CUSTOMER
    assert now(placements[0])[0].parent == provider.tenant


def test_one_name_on_two_servers_makes_one_customer(provider, board):
    here = board.organization("Alpine Dental")
    there = Placement.objects.create(
        server=CometServerFactory(tenant=provider.tenant), organization_id="o", tenant=provider.tenant
    )

    place(
        provider,
        "organizations",
        (here, "Alpine Dental"),
        (there, "alpine dental"),
        parent=provider.tenant.pk,
    )

    assert now(here)[0] == now(there)[0]


def test_a_name_that_is_taken_makes_no_second_customer(provider, board):
    TenantFactory(name="Alpine Dental")
    placement = board.organization("alpine dental")

    asked = provider.client().get(CONFIRM, {"selected": placement.pk, "how": "new"})
    response = provider.client().post(
        PLACE,
        plan(to(placement, 0, "alpine dental"), parent=provider.tenant.pk),
        headers={"HX-Request": "true"},
    )

    assertContains(asked, "already has a tenant called Alpine Dental")
    assert response.status_code == 422
    assert now(placement) == (provider.tenant, True)


def test_what_somebody_else_placed_meanwhile_is_shown_and_not_overwritten(
    provider, customer, reseller, board
):
    mine, his = board.organization("Mine"), board.organization("His")
    data = plan(to(mine, customer.tenant.pk), to(his, customer.tenant.pk))
    place(provider, "organizations", (his, reseller.tenant))

    response = provider.client().post(PLACE, data, headers={"HX-Request": "true"})

    assertContains(response, "placed by somebody else since you looked")
    assertContains(response, "His")
    assert now(his) == (reseller.tenant, False)
    assert now(mine) == (customer.tenant, False)


def test_undo_leaves_alone_what_was_placed_elsewhere_since(provider, customer, reseller, board):
    first, second = board.organization("First"), board.organization("Second")
    change = place(provider, "organizations", (first, customer.tenant), (second, customer.tenant)).change
    place(provider, "organizations", (second, reseller.tenant))

    response = provider.client().post(
        reverse("placing:change-undo", args=[change.pk]), headers={"HX-Request": "true"}
    )

    assertContains(response, "Second")
    assert now(first) == (provider.tenant, True)
    assert now(second) == (reseller.tenant, False)


def test_history_tells_what_was_placed_and_by_whom(provider, customer, board):
    place(provider, "organizations", (board.organization("Alpine Dental"), customer.tenant))

    page = provider.client().get(reverse("placing:change-list"))

    assertContains(page, "Alpine Dental")
    assertContains(page, provider.user.email)
    assertContains(page, "Undo")


def test_the_audit_holds_before_and_after(provider, customer, board):
    place(provider, "organizations", (board.organization("Alpine Dental"), customer.tenant))

    entry = Entry.objects.get(action="server.place", phase=Entry.Phase.ENDED)
    begun = entry.begun
    assert begun.owner_details["placed"] == [
        f"Alpine Dental: {provider.tenant} (not placed) → {customer.tenant}"
    ]
    assert (entry.outcome, entry.actor, entry.tenant) == ("done", provider.user, provider.tenant)


def test_another_tenants_ids_are_refused_in_every_field(reseller, outsider):
    own, foreign = CometServerFactory(tenant=reseller.tenant), CometServerFactory(tenant=outsider.tenant)
    mine = Placement.objects.create(server=own, organization_id="mine", tenant=reseller.tenant)
    theirs = Placement.objects.create(server=foreign, organization_id="theirs", tenant=outsider.tenant)
    shared = Placement.objects.create(server=own, organization_id="shared", tenant=outsider.tenant)
    itself = Placement.objects.create(server=own, organization_id=SERVER_ITSELF, tenant=reseller.tenant)
    client = reseller.client()

    def status(*lines, **more):
        return client.post(PLACE, plan(*lines, **more), headers={"HX-Request": "true"}).status_code

    assert status(to(theirs, reseller.tenant.pk)) == 404
    assert status(to(itself, reseller.tenant.pk)) == 404
    assert status(Line(999999, "", reseller.tenant.pk)) == 404
    assert status(to(shared, reseller.tenant.pk)) == 403
    assert status(to(mine, outsider.tenant.pk)) == 422
    assert status(to(mine, 999999)) == 422
    assert status(to(mine, -1)) == 422
    assert status(to(mine, 0, "New"), parent=outsider.tenant.pk) == 422
    assert status(to(mine, 0, "\u202e")) == 422
    assert status(Line(mine.pk, "", 1), kind="users") == 404
    assert client.get(CONFIRM, {"selected": theirs.pk}).status_code == 404
    assert client.get(CONFIRM, {"selected": "x"}).status_code == 404
    assert (
        client.get(CONFIRM, {"selected": mine.pk, "how": "tenant", "tenant": outsider.tenant.pk}).context.get(
            "plan"
        )
        is None
    )
    assertNotContains(client.get(CONFIRM, {"selected": mine.pk, "how": "tenant"}), outsider.tenant.name)
    assert now(mine)[0] == reseller.tenant
    assert not Tenant.objects.filter(name="New").exists()


def test_a_suspended_tenant_takes_nothing_and_is_not_offered(provider, customer, board):
    placement = board.organization("Alpine Dental")
    data = plan(to(placement, customer.tenant.pk))
    suspend_tenant(customer.tenant, access=access_for(provider.user), actor=provider.user)

    response = provider.client().post(PLACE, data, headers={"HX-Request": "true"})
    asked = provider.client().get(CONFIRM, {"selected": placement.pk, "how": "tenant"})

    assertContains(response, "is suspended. Resume it first", status_code=422)
    assert customer.tenant not in asked.context["form"].fields["tenant"].queryset
    assert now(placement) == (provider.tenant, True)


def test_a_tenant_in_the_trash_takes_nothing(provider, customer, board):
    placement = board.organization("Alpine Dental")
    Tenant.objects.filter(pk=customer.tenant.pk).update(is_trashed=True)

    response = provider.client().post(
        PLACE, plan(to(placement, customer.tenant.pk)), headers={"HX-Request": "true"}
    )

    assert response.status_code == 422
    assert now(placement) == (provider.tenant, True)


@pytest.mark.parametrize(
    "text", ["", "x", "{}", "[]", '{"kind":"servers","lines":[]}', '{"kind":"users","lines":[[1]]}',
             '{"kind":"users","lines":[[0,"",1]]}', '{"kind":"users","lines":[[1,"",1],[1,"",1]]}',
             '{"kind":"users","lines":[[99999999999999999999999,"",1]]}', "\x00"],
)  # fmt: skip
def test_what_is_no_plan_is_a_bad_request(provider, text):
    assert provider.client().post(PLACE, {"plan": text}).status_code == 400


def test_undo_needs_both_tenants(provider, reseller, outsider, board):
    own = CometServerFactory(tenant=reseller.tenant)
    mine = Placement.objects.create(server=own, organization_id="mine", tenant=reseller.tenant)
    change = place(provider, "organizations", (mine, outsider.tenant)).change
    hidden = place(provider, "organizations", (board.organization("Far"), outsider.tenant)).change

    assert reseller.client().post(reverse("placing:change-undo", args=[change.pk])).status_code == 403
    assert reseller.client().post(reverse("placing:change-undo", args=[hidden.pk])).status_code == 404
    assertNotContains(reseller.client().get(reverse("placing:change-list")), outsider.tenant.name)
    assert now(mine)[0] == outsider.tenant


def test_gaining_and_losing_people_have_their_pages_read_their_grants_again(
    provider, reseller, outsider, board, redis_url, django_capture_on_commit_callbacks
):
    MembershipFactory(tenant=provider.tenant, role="viewer", user=UserFactory())
    placement = board.organization("Moves", tenant=reseller.tenant, is_unmapped=False)
    heard = redis.Redis.from_url(redis_url).pubsub()
    heard.subscribe(FACTS_CHANNEL)
    heard.get_message(timeout=2)

    with django_capture_on_commit_callbacks(execute=True):
        place(provider, "organizations", (placement, outsider.tenant))

    told = set()
    while message := heard.get_message(timeout=0.2):
        if message["type"] == "message":
            told |= {
                fact["ids"]["user"]
                for fact in msgspec.json.decode(message["data"])
                if fact["name"] == "access.changed"
            }
    assert told == {reseller.user.pk, outsider.user.pk}


def test_what_a_tenant_holds_returns_to_the_owners_of_the_servers(provider, reseller, board):
    below = TenantFactory(parent=reseller.tenant)
    placements = [
        board.organization("One", tenant=reseller.tenant, is_unmapped=False),
        board.organization("Two", tenant=below, is_unmapped=False),
    ]
    own = CometServerFactory(tenant=reseller.tenant)
    stays = Placement.objects.create(server=own, organization_id="own", tenant=reseller.tenant)

    assert unplace_all([reseller.tenant, below], user=provider.user) == 2

    assert [now(one) for one in placements] == [(provider.tenant, True)] * 2
    assert now(stays) == (reseller.tenant, False)
    assert Entry.objects.filter(action="server.unplace", tenant=provider.tenant).count() == 2
    assert not Change.objects.exists()
