"""Moving, suspending and deleting through the pages: what they say first, and what they refuse."""

import pytest
from django.urls import reverse

from portal.fleet.models import UserProfile
from portal.operations.models import Operation
from portal.tenants.models import Tenant
from tests.cast import person
from tests.factories import (
    CometServerFactory,
    DeviceFactory,
    ExclusionFactory,
    MembershipFactory,
    TenantFactory,
)

pytestmark = pytest.mark.django_db


def url(action, tenant):
    return reverse(f"tenants:tenant-{action}", args=[tenant.pk])


def fresh(tenant):
    return Tenant.objects.get(pk=tenant.pk)


class TestMove:
    def test_the_preview_says_who_gains_and_who_loses_sight(self, provider, reseller, outsider, customer):
        DeviceFactory(tenant=customer.tenant)
        person(reseller.tenant, "viewer")
        both = person(reseller.tenant, "viewer")
        MembershipFactory(user=both.user, tenant=outsider.tenant, role="viewer")
        blind = MembershipFactory(tenant=reseller.tenant, role="viewer")
        ExclusionFactory(membership=blind, tenant=customer.tenant)

        page = provider.client().get(url("move", customer.tenant), {"parent": outsider.tenant.pk})

        preview = page.context["preview"]
        assert (preview.moved.devices, preview.moved.user_profiles, preview.moved.people) == (1, 1, 1)
        assert [(sight.name, sight.people) for sight in preview.lose] == [(reseller.tenant.name, 2)]
        assert [(sight.name, sight.people) for sight in preview.gain] == [(outsider.tenant.name, 1)]
        assert fresh(customer.tenant).parent == reseller.tenant

    def test_a_tenant_the_mover_does_not_see_is_not_named(self, provider, reseller, outsider):
        hidden = TenantFactory(kind="reseller", name="Hidden one")
        person(hidden, "viewer")
        old = TenantFactory(parent=hidden, kind="reseller", name="Old")
        moved = TenantFactory(parent=old, name="Moved")
        mover = person(old, "admin")
        MembershipFactory(user=mover.user, tenant=outsider.tenant, role="admin")
        page = mover.client().get(url("move", moved), {"parent": outsider.tenant.pk})
        assert "Hidden one" not in page.content.decode()
        assert "people of a tenant you do not see" in page.content.decode()
        assert [sight.people for sight in page.context["preview"].lose] == [None]

    def test_the_post_moves(self, provider, outsider, customer):
        response = provider.client().post(url("move", customer.tenant), {"parent": outsider.tenant.pk})
        assert response.url == url("detail", customer.tenant)
        assert fresh(customer.tenant).parent == outsider.tenant

    @pytest.mark.parametrize("parent", ["itself", "child", "foreign", "999999", "x", ""])
    def test_a_parent_that_cannot_be_is_refused_at_its_field(self, reseller, outsider, customer, parent):
        child = TenantFactory(parent=customer.tenant)
        chosen = {"itself": customer.tenant.pk, "child": child.pk, "foreign": outsider.tenant.pk}
        response = reseller.client().post(
            url("move", customer.tenant), {"parent": chosen.get(parent, parent)}
        )
        assert response.status_code == 422
        assert "parent" in response.context["form"].errors
        assert fresh(customer.tenant).parent == reseller.tenant

    def test_a_name_taken_there_is_said(self, provider, outsider, customer):
        TenantFactory(parent=outsider.tenant, name=customer.tenant.name)
        response = provider.client().post(url("move", customer.tenant), {"parent": outsider.tenant.pk})
        assert response.status_code == 422
        assert "already has a tenant called" in response.content.decode()

    def test_below_a_suspended_tenant_it_says_so_first(self, provider, outsider, customer):
        Tenant.objects.filter(pk=outsider.tenant.pk).update(is_suspended=True)
        page = provider.client().get(url("move", customer.tenant), {"parent": outsider.tenant.pk})
        assert "is suspended" in page.content.decode()


class TestSuspend:
    def test_the_page_says_whom_it_touches(self, provider, reseller, customer):
        page = provider.client().get(url("suspend", reseller.tenant)).content.decode()
        assert "2 people" in page

    def test_it_is_suspended_and_resumed(self, provider, customer):
        browser = provider.client()
        assert browser.post(url("suspend", customer.tenant)).status_code == 302
        assert fresh(customer.tenant).is_suspended
        assert browser.post(url("suspend", customer.tenant)).status_code == 422
        assert browser.post(url("resume", customer.tenant)).status_code == 302
        assert not fresh(customer.tenant).is_suspended

    def test_users_on_comet_servers_are_suspended_when_it_is_asked_for(self, provider, customer):
        device = DeviceFactory(tenant=customer.tenant)
        response = provider.client().post(url("suspend", customer.tenant), {"comet_users": "on"})
        operation = Operation.objects.get(kind="user.suspend")
        assert response.url == reverse("operations:operation-detail", args=[operation.pk])
        assert [item.target_id for item in operation.items.all()] == [device.profile_id]

    def test_they_are_left_alone_otherwise(self, provider, customer):
        DeviceFactory(tenant=customer.tenant)
        provider.client().post(url("suspend", customer.tenant))
        assert not Operation.objects.exists()

    def test_who_is_suspended_already_is_not_asked_for(self, provider, customer):
        DeviceFactory(tenant=customer.tenant)
        UserProfile.objects.update(is_suspended=True)
        page = provider.client().get(url("suspend", customer.tenant)).content.decode()
        assert "Comet Servers" not in page

    @pytest.mark.parametrize("action", ["suspend", "resume", "move", "delete"])
    def test_nobody_acts_on_the_branch_he_sits_on(self, reseller, action):
        assert reseller.client().get(url(action, reseller.tenant)).status_code == 403

    def test_the_page_of_his_own_tenant_offers_none_of_it(self, reseller):
        page = reseller.client().get(url("detail", reseller.tenant)).content.decode()
        assert url("suspend", reseller.tenant) not in page
        assert url("delete", reseller.tenant) not in page


class TestDelete:
    def test_the_page_says_what_goes(self, provider, reseller, customer):
        DeviceFactory(tenant=customer.tenant)
        losses = provider.client().get(url("delete", reseller.tenant)).context["losses"]
        assert (losses.tenants, losses.people, losses.people_only_here) == (1, 2, 2)
        assert (losses.user_profiles, losses.devices) == (1, 1)

    @pytest.mark.parametrize("typed", ["", "something else", "a customer of it"])
    def test_the_name_has_to_be_typed(self, provider, customer, typed):
        response = provider.client().post(url("delete", customer.tenant), {"confirm_name": typed})
        assert response.status_code == 422
        assert "confirm_name" in response.context["form"].errors
        assert not fresh(customer.tenant).is_trashed

    def test_it_goes_to_the_trash_and_comes_back(self, provider, customer):
        browser = provider.client()
        browser.post(url("delete", customer.tenant), {"confirm_name": customer.tenant.name})
        assert customer.tenant.name in browser.get(reverse("tenants:trash-list")).content.decode()
        assert browser.post(url("restore", customer.tenant)).url == url("detail", customer.tenant)
        assert not fresh(customer.tenant).is_trashed

    def test_servers_stand_in_the_way_and_are_named(self, provider, customer):
        server = CometServerFactory(tenant=customer.tenant)
        page = provider.client().get(url("delete", customer.tenant)).content.decode()
        assert server.name in page
        assert "confirm_name" not in page
        data = {"confirm_name": customer.tenant.name}
        assert provider.client().post(url("delete", customer.tenant), data).status_code == 422

    def test_it_is_deleted_for_good_once_its_name_is_typed(self, provider, customer):
        browser = provider.client()
        name = {"confirm_name": customer.tenant.name}
        browser.post(url("delete", customer.tenant), name)
        assert browser.post(url("purge", customer.tenant), {"confirm_name": "x"}).status_code == 422
        assert browser.post(url("purge", customer.tenant), name).status_code == 302
        assert not Tenant.objects.filter(pk=customer.tenant.pk).exists()

    def test_an_administrator_cannot_delete_for_good_and_is_not_offered_it(self, reseller, customer):
        browser = reseller.client()
        browser.post(url("delete", customer.tenant), {"confirm_name": customer.tenant.name})
        assert (
            url("purge", customer.tenant) not in browser.get(reverse("tenants:trash-list")).content.decode()
        )
        assert browser.get(url("purge", customer.tenant)).status_code == 403

    def test_another_tenant_s_trash_is_not_there(self, provider, outsider, customer):
        provider.client().post(url("delete", customer.tenant), {"confirm_name": customer.tenant.name})
        browser = outsider.client()
        assert customer.tenant.name not in browser.get(reverse("tenants:trash-list")).content.decode()
        assert browser.post(url("restore", customer.tenant)).status_code == 404

    def test_a_proof_of_who_it_is_is_asked_for_first(self, provider, customer, settings):
        browser = provider.client()
        settings.ACCOUNT_REAUTHENTICATION_TIMEOUT = 0
        for action in ("delete", "suspend"):
            assert browser.get(url(action, customer.tenant)).url.startswith(reverse("account_reauthenticate"))
