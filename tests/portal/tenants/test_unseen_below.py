"""Who does not reach all of a branch does not act on it; nobody moves anything to where he holds more."""

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.urls import reverse

from portal.accounts.access import access_for
from portal.audit.models import Entry
from portal.core.events import Fact
from portal.sso.models import Launch
from portal.tenants import tree
from portal.tenants.models import Tenant
from portal.tenants.services import move_tenant
from portal.tenants.suspension import resume_tenant, suspend_tenant
from portal.tenants.trash import trash_tenant
from tests.cast import person
from tests.factories import (
    CustomRoleFactory,
    ExclusionFactory,
    LaunchFactory,
    MembershipFactory,
    TenantFactory,
)

pytestmark = pytest.mark.django_db


def by(who):
    return {"access": access_for(who.user), "actor": who.user}


@pytest.fixture
def part_owner(provider, customer):
    """Owner of everything but one customer of the reseller."""
    second = person(provider.tenant, "owner")
    ExclusionFactory(membership=second.user.memberships.get(), tenant=customer.tenant)
    return second


class TestActingOnABranch:
    def test_it_is_not_moved(self, part_owner, reseller, outsider):
        with pytest.raises(PermissionDenied):
            move_tenant(reseller.tenant, parent=outsider.tenant, **by(part_owner))

    @pytest.mark.parametrize("act", [suspend_tenant, trash_tenant])
    def test_it_is_neither_suspended_nor_deleted(self, part_owner, reseller, act):
        with pytest.raises(PermissionDenied):
            act(reseller.tenant, **by(part_owner))
        reseller.tenant.refresh_from_db()
        assert not reseller.tenant.is_suspended
        assert not reseller.tenant.is_trashed

    def test_it_is_not_resumed(self, provider, part_owner, reseller):
        suspend_tenant(reseller.tenant, **by(provider))
        with pytest.raises(PermissionDenied):
            resume_tenant(reseller.tenant, **by(part_owner))

    def test_its_page_offers_none_of_it(self, part_owner, reseller):
        page = part_owner.client().get(reverse("tenants:tenant-detail", args=[reseller.tenant.pk]))
        assert not page.context["can_act"]
        move = reverse("tenants:tenant-move", args=[reseller.tenant.pk])
        assert part_owner.client().get(move).status_code == 403

    def test_what_lies_in_the_trash_below_it_is_in_nobodys_way(self, provider, reseller, customer):
        trash_tenant(customer.tenant, **by(provider))
        suspend_tenant(reseller.tenant, **by(provider))
        assert reseller.tenant.is_suspended


class TestMovingToWhereOneHoldsMore:
    @pytest.fixture
    def mover(self, provider):
        """Changes the whole tree and nothing else; owns one customer."""
        role = CustomRoleFactory(tenant=provider.tenant, permissions=["tenant:view", "tenant:manage"])
        user = MembershipFactory(tenant=provider.tenant, role="", custom_role=role).user
        own = TenantFactory(name="His own", parent=provider.tenant, kind=Tenant.Kind.RESELLER)
        MembershipFactory(user=user, tenant=own, role="owner")
        return type(provider)(user, own)

    def test_it_is_refused_and_says_why(self, mover, customer):
        with pytest.raises(ValidationError, match="You hold more in His own"):
            move_tenant(customer.tenant, parent=mover.tenant, **by(mover))
        customer.tenant.refresh_from_db()
        assert customer.tenant.parent_id != mover.tenant.pk
        assert not access_for(mover.user).allows("server:admin", tenant_id=customer.tenant.pk)

    def test_the_refusal_stands_at_the_field(self, mover, customer):
        url = reverse("tenants:tenant-move", args=[customer.tenant.pk])
        for send in (mover.client().get, mover.client().post):
            answer = send(url, {"parent": mover.tenant.pk})
            assert answer.status_code == 422
            assert "You hold" in str(answer.context["form"].errors["parent"])

    def test_to_where_he_holds_as_much_he_moves(self, mover, outsider, customer):
        move_tenant(customer.tenant, parent=outsider.tenant, **by(mover))
        assert customer.tenant.parent == outsider.tenant


class TestWhatFollowsAMove:
    def test_who_had_left_out_a_former_or_new_parent_is_checked_again(
        self, provider, reseller, outsider, customer, monkeypatch
    ):
        loses, gains = person(provider.tenant, "viewer"), person(provider.tenant, "viewer")
        ExclusionFactory(membership=gains.user.memberships.get(), tenant=reseller.tenant)
        ExclusionFactory(membership=loses.user.memberships.get(), tenant=outsider.tenant)
        told: list[Fact] = []
        monkeypatch.setattr(tree, "publish_all", lambda facts: told.extend(facts))

        move_tenant(customer.tenant, parent=outsider.tenant, **by(provider))

        seen = {
            who: access_for(who.user).allows("job:view", tenant_id=customer.tenant.pk)
            for who in (loses, gains)
        }
        assert seen == {loses: False, gains: True}
        assert {loses.user.pk, gains.user.pk} <= {fact.ids["user"] for fact in told}

    def test_comet_sign_ins_of_who_loses_it_end(self, provider, reseller, outsider, customer):
        former, above = (
            LaunchFactory(tenant=customer.tenant, user=who.user, state=Launch.State.OPEN)
            for who in (reseller, provider)
        )
        move_tenant(customer.tenant, parent=outsider.tenant, **by(provider))
        former.refresh_from_db()
        above.refresh_from_db()
        assert (former.state, above.state) == (Launch.State.ENDING, Launch.State.OPEN)

    def test_its_people_read_no_names_of_what_is_above_them(self, provider, reseller, outsider):
        moved = TenantFactory(parent=reseller.tenant, name="Moved")
        owner = person(moved, "owner")
        move_tenant(moved, parent=outsider.tenant, **by(provider))
        assert Entry.objects.filter(action="tenant.move").exists()
        url = reverse("audit:entry-list")
        assert outsider.tenant.name not in owner.client().get(url).content.decode()
        entry = Entry.objects.get(action="tenant.move", phase="ended")
        page = reverse("audit:entry-detail", args=[entry.pk])
        assert outsider.tenant.name not in owner.client().get(page).content.decode()
        assert outsider.tenant.name in provider.client().get(page).content.decode()


@pytest.mark.parametrize("name", ["Globex", "GIobex", "globex"])
def test_what_a_new_tenant_must_not_be_called_is_said_without_naming_what_is_not_seen(provider, name):
    hidden = TenantFactory(parent=provider.tenant, name="Globex")
    second = person(provider.tenant, "owner")
    ExclusionFactory(membership=second.user.memberships.get(), tenant=hidden)
    data = {"parent": provider.tenant.pk, "kind": "customer", "name": name}
    told = []
    for who in (second, provider):
        answer = who.client().post(reverse("tenants:tenant-create"), data)
        assert answer.status_code == 422
        told.append(str(answer.context["form"].errors["name"]))
    assert "This name is taken, or looks like one that is." in told[0]
    assert "Globex" not in told[0]
    assert "already has a tenant called Globex" in told[1]


def test_the_name_of_a_tenant_one_does_not_see_is_not_told_when_it_is_taken(provider):
    TenantFactory(parent=provider.tenant, name="Globex")
    owner = person(TenantFactory(parent=provider.tenant, name="Acme"), "owner")
    url = reverse("tenants:tenant-detail", args=[owner.tenant.pk])
    answer = owner.client().post(url, {"name": "GIobex"})
    assert answer.status_code == 422
    said = str(answer.context["form"].errors["name"])
    assert "Globex" not in said
    assert provider.tenant.name not in said
