"""From Memberships to Access."""

import pytest
from django.contrib.auth.models import AnonymousUser

from portal.accounts.access import access_for
from portal.core.access import EVERYTHING, NO_ACCESS
from tests.factories import MembershipFactory, TenantFactory, UserFactory, provider_tenant

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


@pytest.mark.parametrize("stranger", [None, AnonymousUser()])
def test_strangers_have_no_access(stranger):
    assert access_for(stranger) is NO_ACCESS


def test_a_closed_login_has_no_access():
    user = MembershipFactory(tenant=provider_tenant(), user__is_active=False).user
    assert access_for(user) is NO_ACCESS


def test_the_number_of_queries_does_not_grow_with_the_tree(django_assert_num_queries):
    reseller = TenantFactory(kind="reseller")
    user = MembershipFactory(tenant=reseller, role="admin").user
    for _ in range(10):
        TenantFactory(parent=reseller)
    with django_assert_num_queries(2):
        access_for(user)
