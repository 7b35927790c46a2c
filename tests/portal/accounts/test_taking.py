"""What was given can be taken, by who reaches as far; and nobody else."""

import pytest
from django.urls import reverse

from portal.accounts.access import access_for
from portal.accounts.factors import has_second_factor
from portal.accounts.memberships import close_sign_in, exclude_tenants, take_role
from portal.accounts.models import Membership
from portal.accounts.second_factor import may_secure
from portal.tenants.services import move_tenant
from tests.cast import person
from tests.factories import (
    CustomRoleFactory,
    ExclusionFactory,
    MembershipFactory,
    TenantFactory,
    security_key,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def stranded(provider, reseller, outsider):
    """A role made by one reseller, held in a customer that moved below another."""
    moved = TenantFactory(parent=reseller.tenant, name="Moved")
    role = CustomRoleFactory(tenant=reseller.tenant, permissions=["job:view"])
    held = MembershipFactory(tenant=moved, role="", custom_role=role)
    move_tenant(moved, parent=outsider.tenant, access=access_for(provider.user), actor=provider.user)
    return Membership.objects.select_related("tenant", "custom_role__tenant", "user").get(pk=held.pk)


def test_a_role_that_stayed_behind_when_its_tenant_moved_is_taken(outsider, stranded):
    take_role(stranded, access=access_for(outsider.user), actor=outsider.user)
    assert not Membership.objects.filter(user=stranded.user).exists()


def test_a_sign_in_with_a_role_that_stayed_behind_is_closed(outsider, stranded):
    close_sign_in(stranded.user, access=access_for(outsider.user), actor=outsider.user)
    stranded.user.refresh_from_db()
    assert not stranded.user.is_active


def test_exceptions_of_a_role_that_stayed_behind_are_changed(outsider, stranded):
    below = TenantFactory(parent=stranded.tenant)
    exclude_tenants(stranded, [below], seen=[], access=access_for(outsider.user), actor=outsider.user)
    assert not access_for(stranded.user).allows("job:view", tenant_id=below.pk)


class TestWhoReachesFurther:
    """The provider's second owner does not reach one reseller; the first reaches all."""

    @pytest.fixture
    def part_owner(self, provider, outsider):
        second = person(provider.tenant, "owner")
        ExclusionFactory(membership=second.user.memberships.get(), tenant=outsider.tenant)
        return second

    def test_keeps_his_second_factors(self, provider, part_owner):
        security_key(provider.user)
        part_owner.client().post(reverse("accounts:person-factors-reset", args=[provider.user.pk]))
        assert has_second_factor(provider.user)
        assert not may_secure(access_for(part_owner.user), provider.user)

    def test_keeps_his_sessions(self, provider, part_owner):
        theirs = provider.client()
        part_owner.client().post(reverse("accounts:person-sessions-end", args=[provider.user.pk]))
        assert theirs.get(reverse("accounts:settings")).status_code == 200

    def test_is_helped_by_who_reaches_as_far(self, provider, part_owner):
        assert may_secure(access_for(provider.user), part_owner.user)
