"""What one is kept out of stays unseen in the trash, too."""

import pytest
from django.core.exceptions import PermissionDenied
from django.urls import reverse

from portal.accounts.access import access_for
from portal.tenants.models import Tenant
from portal.tenants.trash import purge_tenant, restore_tenant, trash_tenant
from tests.cast import person
from tests.factories import ExclusionFactory, TenantFactory

pytestmark = pytest.mark.django_db


def by(who):
    return {"access": access_for(who.user), "actor": who.user}


@pytest.fixture
def part_owner(provider, reseller, customer):
    """Owner of everything but one customer, which lies in the trash."""
    second = person(provider.tenant, "owner")
    ExclusionFactory(membership=second.user.memberships.get(), tenant=customer.tenant)
    trash_tenant(customer.tenant, **by(provider))
    return second


def test_it_is_not_listed(provider, part_owner, customer):
    url = reverse("tenants:trash-list")
    assert customer.tenant.name not in part_owner.client().get(url).content.decode()
    assert customer.tenant.name in provider.client().get(url).content.decode()


@pytest.mark.parametrize("action", ["restore", "purge"])
def test_it_is_not_there(part_owner, customer, action):
    url = reverse(f"tenants:tenant-{action}", args=[customer.tenant.pk])
    assert part_owner.client().post(url, {"confirm_name": customer.tenant.name}).status_code == 404
    customer.tenant.refresh_from_db()
    assert customer.tenant.is_trashed


@pytest.mark.parametrize("act", [restore_tenant, purge_tenant])
def test_nothing_is_done_with_it(part_owner, customer, act):
    with pytest.raises(PermissionDenied):
        act(customer.tenant, **by(part_owner))
    assert Tenant.objects.get(pk=customer.tenant.pk).is_trashed


def test_what_is_above_it_is_not_deleted(part_owner, reseller):
    with pytest.raises(PermissionDenied):
        trash_tenant(reseller.tenant, **by(part_owner))


def test_who_is_kept_out_of_a_branch_has_the_rest_of_the_trash(part_owner, reseller):
    other = TenantFactory(parent=reseller.tenant, name="Another customer")
    trash_tenant(other, **by(part_owner))
    assert other.name in part_owner.client().get(reverse("tenants:trash-list")).content.decode()
    restore_tenant(other, **by(part_owner))
    assert not other.is_trashed
