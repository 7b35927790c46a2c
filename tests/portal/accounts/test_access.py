"""From Memberships to Access."""

import pytest
from django.contrib.auth.models import AnonymousUser

from portal.accounts.access import access_for
from portal.core.access import NO_ACCESS
from portal.core.tenant_sets import EVERYTHING, AllBut
from tests.factories import (
    CustomRoleFactory,
    ExclusionFactory,
    MembershipFactory,
    TenantFactory,
    UserFactory,
    provider_tenant,
)

pytestmark = pytest.mark.django_db


def test_a_role_at_the_root_reaches_everything():
    user = MembershipFactory(tenant=provider_tenant(), role="technician").user
    access = access_for(user)
    assert access.tenants_with("job:view") is EVERYTHING
    assert access.tenants_with("tenant:manage") == frozenset()


def test_a_role_reaches_the_whole_subtree_and_nothing_beside_it():
    reseller = TenantFactory(kind="reseller")
    below = TenantFactory(parent=TenantFactory(parent=reseller))
    beside = TenantFactory()
    access = access_for(MembershipFactory(tenant=reseller, role="admin").user)
    assert access.allows("job:view", tenant_id=below.pk)
    assert not access.allows("job:view", tenant_id=beside.pk)
    assert not access.allows("job:view", tenant_id=provider_tenant().pk)


def test_a_tenant_whose_id_begins_alike_is_not_below():
    """Paths end in a slash, so /1/5/ is no prefix of /1/55/."""
    first = TenantFactory()
    user = MembershipFactory(tenant=first, role="viewer").user
    look_alike = TenantFactory()
    look_alike.path = f"{first.path.rstrip('/')}5/"
    look_alike.save()
    assert not access_for(user).allows("job:view", tenant_id=look_alike.pk)


def test_several_roles_add_up():
    user = UserFactory()
    first, second = TenantFactory(), TenantFactory()
    MembershipFactory(user=user, tenant=first, role="viewer")
    MembershipFactory(user=user, tenant=second, role="technician")
    access = access_for(user)
    assert access.tenants_with("job:view") == {first.pk, second.pk}
    assert access.tenants_with("backup:run") == {second.pk}


def test_the_switcher_narrows_and_never_widens():
    reseller, other = TenantFactory(kind="reseller"), TenantFactory()
    customer = TenantFactory(parent=reseller)
    owner = MembershipFactory(tenant=provider_tenant(), role="owner").user
    narrowed = access_for(owner, within=reseller)
    assert narrowed.tenants_with("job:view") == {reseller.pk, customer.pk}
    technician = MembershipFactory(tenant=customer, role="technician").user
    assert access_for(technician, within=other).tenants_with("job:view") == frozenset()


def test_the_switcher_at_the_provider_narrows_nothing():
    TenantFactory()
    owner = MembershipFactory(tenant=provider_tenant(), role="owner").user
    assert access_for(owner, within=provider_tenant()).tenants_with("job:view") is EVERYTHING


@pytest.mark.parametrize("stranger", [None, AnonymousUser()])
def test_strangers_have_no_access(stranger):
    assert access_for(stranger) is NO_ACCESS


def test_a_closed_login_has_no_access():
    user = MembershipFactory(tenant=provider_tenant(), user__is_active=False).user
    assert access_for(user) is NO_ACCESS


def test_a_custom_role_grants_what_it_names():
    reseller = TenantFactory(kind="reseller")
    customer = TenantFactory(parent=reseller)
    role = CustomRoleFactory(tenant=reseller, permissions=["job:view", "backup:run", "no:more"])
    access = access_for(MembershipFactory(tenant=customer, role="", custom_role=role).user)
    assert access.tenants == {"job:view": {customer.pk}, "backup:run": {customer.pk}}


def test_an_exclusion_takes_its_subtree_away():
    reseller = TenantFactory(kind="reseller")
    seen, hidden = TenantFactory(parent=reseller), TenantFactory(parent=reseller)
    TenantFactory(parent=hidden)
    membership = MembershipFactory(tenant=reseller, role="viewer")
    ExclusionFactory(membership=membership, tenant=hidden)
    assert access_for(membership.user).tenants_with("job:view") == {reseller.pk, seen.pk}


def test_a_grant_at_the_root_with_an_exclusion_is_not_everything():
    hidden, seen = TenantFactory(), TenantFactory()
    membership = MembershipFactory(tenant=provider_tenant(), role="owner")
    ExclusionFactory(membership=membership, tenant=hidden)
    assert access_for(membership.user).tenants_with("job:view") == {provider_tenant().pk, seen.pk}


class TestAllBut:
    """Of a grant at the root with exclusions, what it leaves out is told, however much it reaches."""

    @pytest.fixture(autouse=True)
    def _few_are_many(self, monkeypatch):
        monkeypatch.setattr("portal.accounts.access.FEW", 2)

    def kept_out(self, *tenants, role="owner"):
        membership = MembershipFactory(tenant=provider_tenant(), role=role)
        for tenant in tenants:
            ExclusionFactory(membership=membership, tenant=tenant)
        return membership.user

    def test_it_leaves_out_whole_subtrees_and_the_trash(self):
        hidden, seen, trashed = TenantFactory(), TenantFactory(), TenantFactory(is_trashed=True)
        below = TenantFactory(parent=hidden)
        tenants = access_for(self.kept_out(hidden)).tenants_with("job:view")
        assert tenants == AllBut(frozenset({hidden.pk, below.pk, trashed.pk}), newest=below.pk)
        assert seen.pk in tenants

    def test_where_little_is_left_that_is_named(self):
        hidden = TenantFactory()
        assert access_for(self.kept_out(hidden)).tenants_with("job:view") == {provider_tenant().pk}

    def test_what_was_made_since_is_out_of_sight_until_access_is_read_again(self):
        hidden, _ = TenantFactory(), TenantFactory()
        user = self.kept_out(hidden)
        access = access_for(user)
        below, beside = TenantFactory(parent=hidden), TenantFactory()
        assert not access.allows("job:view", tenant_id=below.pk)
        assert not access.allows("job:view", tenant_id=beside.pk)
        assert not access_for(user).allows("job:view", tenant_id=below.pk)
        assert access_for(user).allows("job:view", tenant_id=beside.pk)

    def test_two_roles_leave_out_what_neither_reaches(self):
        first, second, third = TenantFactory(), TenantFactory(), TenantFactory()
        user = self.kept_out(first, third, role="technician")
        other = MembershipFactory(user=user, tenant=provider_tenant(), role="viewer")
        for tenant in (second, third):
            ExclusionFactory(membership=other, tenant=tenant)
        access = access_for(user)
        assert access.tenants_with("job:view") == AllBut(frozenset({third.pk}), newest=third.pk)
        assert access.tenants_with("backup:run") == AllBut(frozenset({first.pk, third.pk}), newest=third.pk)

    def test_the_switcher_names_what_is_left_of_a_subtree(self):
        reseller = TenantFactory(kind="reseller")
        hidden, seen = TenantFactory(parent=reseller), TenantFactory(parent=reseller)
        access = access_for(self.kept_out(hidden), within=reseller)
        assert access.tenants_with("job:view") == {reseller.pk, seen.pk}


def test_an_exclusion_subtracts_from_its_own_membership_alone():
    hidden = TenantFactory()
    membership = MembershipFactory(tenant=provider_tenant(), role="technician")
    ExclusionFactory(membership=membership, tenant=hidden)
    MembershipFactory(user=membership.user, tenant=hidden, role="viewer")
    access = access_for(membership.user)
    assert hidden.pk in access.tenants_with("job:view")
    assert hidden.pk not in access.tenants_with("backup:run")


def test_the_switcher_shows_no_more_than_the_exclusions_leave():
    reseller = TenantFactory(kind="reseller")
    seen, hidden = TenantFactory(parent=reseller), TenantFactory(parent=reseller)
    membership = MembershipFactory(tenant=provider_tenant(), role="owner")
    ExclusionFactory(membership=membership, tenant=hidden)
    narrowed = access_for(membership.user, within=reseller)
    assert narrowed.tenants_with("job:view") == {reseller.pk, seen.pk}


def test_whoever_asks_it_is_one_query(django_assert_num_queries):
    reseller = TenantFactory(kind="reseller")
    customers = [TenantFactory(parent=reseller) for _ in range(10)]
    many = UserFactory()
    for customer in customers:
        MembershipFactory(user=many, tenant=customer)
    excluded = MembershipFactory(tenant=provider_tenant())
    ExclusionFactory(membership=excluded, tenant=customers[0])
    people = [
        many,
        excluded.user,
        MembershipFactory(tenant=reseller, role="admin").user,
        MembershipFactory(tenant=provider_tenant()).user,
    ]
    for person in people:
        with django_assert_num_queries(1):
            access_for(person)
