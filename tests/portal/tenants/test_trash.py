"""Tenants go to the trash, come back as they were, or are gone after 30 days."""

from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from portal.accounts.access import access_for
from portal.accounts.models import User
from portal.audit.models import Entry
from portal.core.paging import keyset_page
from portal.operations.models import Operation
from portal.tenants.models import Tenant
from portal.tenants.services import create_tenant, move_tenant
from portal.tenants.tasks import purge_trash
from portal.tenants.trash import KEPT_FOR, purge_tenant, restore_tenant, trash_tenant
from tests.cast import person
from tests.factories import (
    CometServerFactory,
    CustomRoleFactory,
    DeviceFactory,
    InvitationFactory,
    MembershipFactory,
    OperationFactory,
    OperationItemFactory,
    PlacementFactory,
    TenantFactory,
)
from tests.portal.placing.conftest import place

pytestmark = pytest.mark.django_db


def trash(tenant, who):
    trash_tenant(tenant, access=access_for(who.user), actor=who.user)


def restore(tenant, who):
    restore_tenant(tenant, access=access_for(who.user), actor=who.user)


def purge(tenant, who):
    purge_tenant(tenant, access=access_for(who.user), actor=who.user)


@pytest.mark.parametrize("page", ["tenant-list", "tenant-options", "tenant-create"])
def test_a_trashed_tenant_is_seen_by_nobody(provider, reseller, customer, page):
    trash(customer.tenant, provider)
    for who in (provider, reseller):
        assert customer.tenant.name not in who.client().get(reverse(f"tenants:{page}")).content.decode()
        detail = reverse("tenants:tenant-detail", args=[customer.tenant.pk])
        assert who.client().get(detail).status_code == 404


def test_its_people_and_invitations_are_on_no_list_meanwhile(provider, customer):
    InvitationFactory(tenant=customer.tenant, email="invited@example.com")
    trash(customer.tenant, provider)
    page = provider.client().get(reverse("accounts:person-list")).content.decode()
    assert customer.user.email not in page
    assert "invited@example.com" not in page
    restore(customer.tenant, provider)
    page = provider.client().get(reverse("accounts:person-list")).content.decode()
    assert customer.user.email in page
    assert "invited@example.com" in page


def test_the_switcher_leaves_a_trashed_tenant(provider, customer):
    browser = provider.client()
    browser.post(reverse("tenants:tenant-switch"), {"tenant": customer.tenant.pk})
    trash(customer.tenant, provider)
    assert browser.get(reverse("tenants:tenant-list")).status_code == 200
    choice = {"tenant": customer.tenant.pk}
    assert browser.post(reverse("tenants:tenant-switch"), choice).status_code == 404


def test_everything_below_goes_along_and_its_people_are_out(provider, reseller, customer):
    browser = customer.client()
    trash(reseller.tenant, provider)
    assert browser.get("/").url.startswith(reverse("account_login"))
    assert list(access_for(customer.user).permissions()) == []
    assert set(Tenant.objects.filter(is_trashed=True)) == {reseller.tenant, customer.tenant}


def test_what_was_placed_there_goes_back_to_the_server_s_owner_and_returns(provider, reseller, customer):
    device = DeviceFactory(tenant=customer.tenant)
    trash(customer.tenant, provider)

    placement = device.placement
    placement.refresh_from_db()
    assert (placement.tenant, placement.is_unmapped) == (device.server.tenant, True)
    assert not access_for(reseller.user).allows("device:view", tenant_id=placement.tenant_id)

    restore(customer.tenant, provider)
    placement.refresh_from_db()
    assert (placement.tenant, placement.is_unmapped) == (customer.tenant, False)


def test_what_was_placed_elsewhere_meanwhile_stays_there(provider, customer, outsider):
    device = DeviceFactory(tenant=customer.tenant)
    trash(customer.tenant, provider)
    place(provider, "organizations", (device.placement, outsider.tenant))
    restore(customer.tenant, provider)
    device.placement.refresh_from_db()
    assert device.placement.tenant == outsider.tenant


def test_servers_are_unlinked_first(provider, reseller, customer):
    server = CometServerFactory(tenant=customer.tenant)
    with pytest.raises(ValidationError, match=server.name):
        trash(reseller.tenant, provider)
    assert not Tenant.objects.filter(is_trashed=True).exists()


def test_restored_people_are_let_in_again(provider, reseller, customer):
    trash(reseller.tenant, provider)
    restore(reseller.tenant, provider)
    assert access_for(customer.user).allows("device:view", tenant_id=customer.tenant.pk)


def test_a_name_taken_meanwhile_refuses_the_restore(provider, reseller, customer):
    trash(customer.tenant, provider)
    create_tenant(parent=reseller.tenant, kind="customer", name=customer.tenant.name, actor=provider.user)
    with pytest.raises(ValidationError, match="already has a tenant called"):
        restore(customer.tenant, provider)


def test_what_is_below_a_trashed_tenant_is_restored_with_it(provider, reseller, customer):
    trash(customer.tenant, provider)
    trash(reseller.tenant, provider)
    with pytest.raises(ValidationError, match="Restore that first"):
        restore(customer.tenant, provider)
    restore(reseller.tenant, provider)
    assert Tenant.objects.get(pk=customer.tenant.pk).is_trashed
    restore(customer.tenant, provider)
    assert not Tenant.objects.filter(is_trashed=True).exists()


def test_after_30_days_it_is_gone_and_the_audit_still_tells(provider, reseller, customer):
    trash(reseller.tenant, provider)
    Tenant.objects.filter(pk=reseller.tenant.pk).update(trashed_at=timezone.now() - KEPT_FOR)
    kept = TenantFactory(parent=provider.tenant)
    trash(kept, provider)

    purge_trash()

    assert set(Tenant.objects.all()) == {provider.tenant, kept}
    entry = Entry.objects.filter(action="tenant.purge", phase=Entry.Phase.ENDED).get()
    assert (entry.object_label, entry.outcome) == (str(reseller.tenant), Entry.Outcome.DONE)
    assert Entry.objects.filter(action="tenant.trash", object_label=str(reseller.tenant)).exists()


def test_people_go_with_the_only_roles_they_had(provider, customer, outsider):
    both = person(customer.tenant, "viewer")
    MembershipFactory(user=both.user, tenant=outsider.tenant, role="viewer")
    trash(customer.tenant, provider)
    purge(customer.tenant, provider)
    assert not User.objects.filter(pk=customer.user.pk).exists()
    assert access_for(both.user).allows("device:view", tenant_id=outsider.tenant.pk)


def test_everything_that_belongs_to_it_goes(provider, reseller, customer):
    InvitationFactory(tenant=customer.tenant)
    operation = OperationFactory(tenant=customer.tenant)
    OperationItemFactory(operation=operation)
    device = DeviceFactory(tenant=customer.tenant)
    trash(reseller.tenant, provider)
    purge(reseller.tenant, provider)
    assert not Operation.objects.exists()
    device.placement.refresh_from_db()
    assert (device.placement.tenant, device.placement.taken_from) == (device.server.tenant, None)


def test_what_was_placed_there_at_the_same_moment_goes_back_too(provider, customer):
    trash(customer.tenant, provider)
    late = PlacementFactory(tenant=customer.tenant)
    purge(customer.tenant, provider)
    late.refresh_from_db()
    assert late.tenant == late.server.tenant


def test_a_server_linked_there_at_the_same_moment_stops_the_purge(provider, customer):
    trash(customer.tenant, provider)
    CometServerFactory(tenant=customer.tenant)
    with pytest.raises(ValidationError, match="Restore it"):
        purge(customer.tenant, provider)
    Tenant.objects.update(trashed_at=timezone.now() - timedelta(days=31))
    purge_trash()
    assert Tenant.objects.filter(pk=customer.tenant.pk).exists()


def test_an_administrator_waits_for_the_30_days_and_an_owner_need_not(reseller, customer):
    trash(customer.tenant, reseller)
    with pytest.raises(PermissionDenied):
        purge(customer.tenant, reseller)
    purge(customer.tenant, person(reseller.tenant, "owner"))
    assert not Tenant.objects.filter(pk=customer.tenant.pk).exists()


def test_what_is_not_in_the_trash_is_neither_restored_nor_deleted(provider, customer):
    for act in (restore, purge):
        with pytest.raises(ValidationError, match="not in the trash"):
            act(customer.tenant, provider)


def test_nobody_deletes_the_branch_he_sits_on(provider, reseller):
    with pytest.raises(PermissionDenied):
        trash(reseller.tenant, reseller)
    with pytest.raises(ValidationError, match="stays at the top"):
        trash(provider.tenant, provider)


def test_another_tenant_s_trash_stays_closed(reseller, customer, outsider):
    trash(customer.tenant, reseller)
    for act in (restore, purge):
        with pytest.raises(PermissionDenied):
            act(customer.tenant, outsider)


def test_a_role_that_stayed_behind_keeps_its_tenant_from_being_deleted_and_says_so(
    provider, reseller, outsider
):
    moved = TenantFactory(parent=reseller.tenant, name="Moved")
    role = CustomRoleFactory(tenant=reseller.tenant, permissions=["job:view"])
    held = MembershipFactory(tenant=moved, role="", custom_role=role)
    move_tenant(moved, parent=outsider.tenant, access=access_for(provider.user), actor=provider.user)
    trash(reseller.tenant, provider)
    with pytest.raises(ValidationError, match="cannot be deleted yet"):
        purge(reseller.tenant, provider)
    held.delete()
    purge(reseller.tenant, provider)
    assert not Tenant.objects.filter(pk=reseller.tenant.pk).exists()


def test_the_trash_comes_in_pages_latest_first(provider, reseller, monkeypatch):
    monkeypatch.setitem(keyset_page.__kwdefaults__, "size", 2)
    for number in range(3):
        tenant = TenantFactory(parent=reseller.tenant, name=f"Old {number}")
        MembershipFactory(tenant=TenantFactory(parent=tenant))
        trash(tenant, provider)
    first = provider.client().get(reverse("tenants:trash-list"))
    second = provider.client().get(first.context["page"].next_url)
    told = [
        (one.tenant.name, one.tenants, one.people)
        for page in (first, second)
        for one in page.context["trashed"]
    ]
    assert told == [("Old 2", 1, 1), ("Old 1", 1, 1), ("Old 0", 1, 1)]


def test_people_in_the_trash_are_counted_for_who_would_see_them(reseller, customer):
    managing = CustomRoleFactory(tenant=reseller.tenant, permissions=["tenant:view", "tenant:manage"])
    browser = Client()
    browser.force_login(MembershipFactory(tenant=reseller.tenant, role="", custom_role=managing).user)
    suspend_page = browser.get(reverse("tenants:tenant-suspend", args=[customer.tenant.pk]))
    assert suspend_page.context["losses"].people is None
    assert "The people of" in suspend_page.content.decode()
    trash(customer.tenant, reseller)
    assert [one.people for one in browser.get(reverse("tenants:trash-list")).context["trashed"]] == [0]
    assert [
        one.people for one in reseller.client().get(reverse("tenants:trash-list")).context["trashed"]
    ] == [1]


def test_the_trash_costs_the_same_for_many(provider, reseller, django_assert_max_num_queries):
    for number in range(12):
        tenant = TenantFactory(parent=reseller.tenant, name=f"Old {number}")
        MembershipFactory(tenant=TenantFactory(parent=tenant))
        trash(tenant, provider)
    browser = provider.client()
    with django_assert_max_num_queries(20):
        page = browser.get(reverse("tenants:trash-list"))
    line = page.context["trashed"][0]
    assert (line.tenants, line.people) == (1, 1)
