"""Nobody places what a server holds to where he has more rights over it."""

import pytest

from portal.accounts.access import access_for
from portal.placing import services
from portal.placing.errors import PlacingRefused
from portal.tenants.models import Tenant
from tests.cast import person
from tests.factories import CustomRoleFactory, MembershipFactory, TenantFactory
from tests.portal.placing.conftest import place

pytestmark = pytest.mark.django_db


@pytest.fixture
def placer(provider):
    """Places what all servers hold and sees nothing of it; owns one reseller."""
    role = CustomRoleFactory(tenant=provider.tenant, permissions=["tenant:view", "tenant:manage"])
    user = MembershipFactory(tenant=provider.tenant, role="", custom_role=role).user
    own = TenantFactory(name="His own", kind=Tenant.Kind.RESELLER)
    MembershipFactory(user=user, tenant=own, role="owner")
    return type(provider)(user, own)


def tenant_of(placement):
    placement.refresh_from_db()
    return placement.tenant


def test_an_organization_is_not_placed_with_ones_own_tenant(placer, provider, board):
    placement = board.organization("Alpine Dental")
    with pytest.raises(PlacingRefused, match="You hold more in His own"):
        place(placer, "organizations", (placement, placer.tenant))
    assert tenant_of(placement) == provider.tenant


def test_nor_with_a_new_one_below_it(placer, provider, board):
    placement = board.organization("Alpine Dental")
    with pytest.raises(PlacingRefused, match="above the new one"):
        place(placer, "organizations", (placement, "Alpine Dental"), parent=placer.tenant.pk)
    assert not Tenant.objects.filter(name="Alpine Dental").exists()


def test_nor_is_a_user(placer, board):
    with pytest.raises(PlacingRefused, match="You hold more"):
        place(placer, "users", (board.user("maria"), placer.tenant))


def test_nor_is_it_taken_back_to_there(placer, provider, outsider, board):
    placement = board.organization("Alpine Dental", tenant=placer.tenant, is_unmapped=False)
    change = place(provider, "organizations", (placement, outsider.tenant)).change
    with pytest.raises(PlacingRefused, match="You hold more in His own"):
        services.take_back(change, access=access_for(placer.user), user=placer.user)
    assert tenant_of(placement) == outsider.tenant


def test_elsewhere_he_places_it(placer, outsider, board):
    placement = board.organization("Alpine Dental")
    place(placer, "organizations", (placement, outsider.tenant))
    assert tenant_of(placement) == outsider.tenant


def test_a_right_over_the_tenant_alone_is_in_nobodys_way(provider, outsider, board):
    """An administrator of everything who also owns a customer gains nothing by placing there."""
    admin = person(provider.tenant, "admin")
    MembershipFactory(user=admin.user, tenant=outsider.tenant, role="owner")
    placement = board.organization("Alpine Dental")
    place(admin, "organizations", (placement, outsider.tenant))
    assert tenant_of(placement) == outsider.tenant
