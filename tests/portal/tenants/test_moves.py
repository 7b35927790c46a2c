"""Tenants change places with everything below them, or not at all."""

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from portal.accounts.access import access_for
from portal.audit.models import Entry
from portal.core.events import Fact
from portal.tenants import tree
from portal.tenants.models import Tenant
from portal.tenants.services import create_tenant, move_tenant, rename_tenant
from tests.cast import person
from tests.factories import DeviceFactory, MembershipFactory, TenantFactory, provider_tenant

pytestmark = pytest.mark.django_db
Kind = Tenant.Kind
DEPTH = 1500


@pytest.fixture
def north(db):
    return TenantFactory(kind=Kind.RESELLER, name="North")


@pytest.fixture
def south(db):
    return TenantFactory(kind=Kind.RESELLER, name="South")


@pytest.fixture
def dental(north):
    """A customer of North, with a branch of its own below it."""
    return TenantFactory(parent=north, name="Dental")


@pytest.fixture
def branch(dental):
    return TenantFactory(parent=dental, name="Branch")


def move(tenant, parent, who):
    move_tenant(tenant, parent=parent, access=access_for(who.user), actor=who.user)


def test_everything_below_moves_along(provider, south, dental, branch):
    device = DeviceFactory(tenant=branch)
    sees_it = person(south, "viewer")

    move(dental, south, provider)

    branch.refresh_from_db()
    assert (dental.parent, dental.path) == (south, f"{south.path}{dental.pk}/")
    assert branch.path == f"{south.path}{dental.pk}/{branch.pk}/"
    assert access_for(sees_it.user).allows("device:view", tenant_id=device.tenant_id)


def test_the_former_parent_loses_sight_of_it(provider, north, south, dental, branch):
    lost = person(north, "viewer")
    move(dental, south, provider)
    assert not access_for(lost.user).allows("device:view", tenant_id=branch.pk)


@pytest.mark.parametrize("below", ["itself", "child", "grandchild"])
def test_nothing_moves_below_itself(provider, dental, branch, below):
    parents = {"itself": dental, "child": branch, "grandchild": TenantFactory(parent=branch)}
    before = list(Tenant.objects.order_by("pk").values_list("pk", "parent", "path"))
    with pytest.raises(ValidationError, match="below"):
        move(dental, parents[below], provider)
    assert list(Tenant.objects.order_by("pk").values_list("pk", "parent", "path")) == before


def test_a_reseller_does_not_move_below_a_customer(provider, north, south, dental):
    with pytest.raises(ValidationError, match="cannot stand below"):
        move(south, dental, provider)


def test_the_provider_stays_at_the_top(provider, south):
    with pytest.raises(ValidationError, match="stays at the top"):
        move(provider.tenant, south, provider)


@pytest.mark.parametrize("name", ["DENTAL", "Dеntаl"])  # the second with Cyrillic letters
def test_a_name_taken_there_refuses_the_move(provider, south, dental, name):
    TenantFactory(parent=south, name=name)
    with pytest.raises(ValidationError, match="already has a tenant called"):
        move(dental, south, provider)


def test_a_move_to_where_it_is_says_so(provider, north, dental):
    with pytest.raises(ValidationError, match="already"):
        move(dental, north, provider)


@pytest.mark.parametrize("manages", [["north"], ["south"], ["dental", "south"], ["dental"]])
def test_both_parents_must_be_managed_by_the_mover(north, south, dental, manages):
    tenants = {"north": north, "south": south, "dental": dental}
    mover = person(tenants[manages[0]], "admin")
    for more in manages[1:]:
        MembershipFactory(user=mover.user, tenant=tenants[more], role="admin")
    with pytest.raises(PermissionDenied):
        move(dental, south, mover)


def test_who_manages_both_parents_moves(north, south, dental):
    mover = person(north, "admin")
    MembershipFactory(user=mover.user, tenant=south, role="admin")
    move(dental, south, mover)
    assert dental.parent == south


def test_whoever_gains_or_loses_sight_is_checked_again(provider, north, south, dental, branch, monkeypatch):
    loses, gains = person(north, "viewer"), person(south, "viewer")
    person(dental, "viewer")
    told: list[Fact] = []
    monkeypatch.setattr(tree, "publish_all", lambda facts: told.extend(facts))

    move(dental, south, provider)

    assert {fact.ids["user"] for fact in told} == {loses.user.pk, gains.user.pk}


def test_the_move_is_in_the_audit_and_so_is_a_refused_one(provider, north, south, dental):
    move(dental, south, provider)
    with pytest.raises(ValidationError):
        move(dental, dental, provider)
    done, refused = Entry.objects.filter(action="tenant.move", phase=Entry.Phase.ENDED).order_by("pk")
    assert (done.outcome, refused.outcome) == (Entry.Outcome.DONE, Entry.Outcome.REFUSED)
    assert done.owner_details == {"from": "North", "to": "South"}
    assert (done.object_label, done.actor) == ("Dental", provider.user)


def test_the_tree_is_as_deep_as_it_takes(provider):
    """Far beyond what any column length or recursion would allow."""
    rows, above = [], provider_tenant()
    first = Tenant.objects.order_by("-pk").values_list("pk", flat=True)[0] + 1
    path = above.path
    for pk in range(first, first + DEPTH):
        path += f"{pk}/"
        rows.append(Tenant(pk=pk, parent_id=pk - 1 if rows else above.pk, kind="customer", name=f"L{pk}"))
        rows[-1].path = path
    Tenant.objects.bulk_create(rows)
    other = TenantFactory(name="Elsewhere", pk=first + 5000)

    move(Tenant.objects.get(pk=first), other, provider)

    deepest = Tenant.objects.get(pk=first + DEPTH - 1)
    assert deepest.path.startswith(f"{other.path}{first}/")
    assert deepest.depth == DEPTH + 1
    assert provider.client().get("/tenants/options/").status_code == 200


def test_a_name_that_looks_like_one_beside_it_is_refused(provider, north):
    with pytest.raises(ValidationError, match="looks like"):
        create_tenant(parent=provider.tenant, kind="customer", name="Nоrth", actor=provider.user)
    create_tenant(parent=north, kind="customer", name="North", actor=provider.user)


def test_a_tenant_may_be_renamed_to_another_case_of_its_name(provider, dental):
    rename_tenant(dental, name="DENTAL", access=access_for(provider.user), actor=provider.user)
    dental.refresh_from_db()
    assert dental.name == "DENTAL"
