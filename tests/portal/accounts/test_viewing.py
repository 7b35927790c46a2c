"""Viewing the portal as a role, or as a person."""

from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from portal.accounts import viewing
from portal.accounts.models import Membership
from portal.audit.models import Entry
from portal.core.access import PERMISSIONS
from tests.cast import person
from tests.factories import (
    CustomRoleFactory,
    DeviceFactory,
    ExclusionFactory,
    MembershipFactory,
    TenantFactory,
    UserProfileFactory,
)

pytestmark = pytest.mark.django_db
HOME = "/"


@pytest.fixture
def viewer(reseller):
    return reseller.client()


def view_as(client, tenant, role="viewer"):
    return client.post(reverse("accounts:view-as"), {"tenant": tenant.pk, "role": role})


def view_person(client, user):
    return client.post(reverse("accounts:view-as-person", args=[user.pk]))


def devices_on(client):
    return client.get(reverse("fleet:device-list")).content.decode()


def ended():
    return Entry.objects.filter(action=viewing.ACTION, phase="ended")


def test_a_role_is_seen_in_its_tenant_alone(reseller, viewer):
    customer = TenantFactory(parent=reseller.tenant)
    here, beside = DeviceFactory(tenant=customer), DeviceFactory(tenant=reseller.tenant)
    assert view_as(viewer, customer).status_code == 302
    page = devices_on(viewer)
    assert here.name in page
    assert beside.name not in page
    assert viewer.get(reverse("fleet:device-detail", args=[beside.pk])).status_code == 404


def test_the_band_is_on_every_page_and_on_refusals(reseller, viewer):
    view_as(viewer, reseller.tenant)
    for url in (HOME, reverse("fleet:device-list"), reverse("accounts:settings"), "/no/such/page/"):
        assert b"Viewing as <strong>Viewer of Reseller</strong>" in viewer.get(url).content
    viewer.post(reverse("accounts:view-as-stop"))
    assert b"Viewing as" not in viewer.get(HOME).content


def test_a_person_is_seen_with_what_both_hold(reseller, outsider, viewer):
    user = MembershipFactory(tenant=reseller.tenant, role="viewer").user
    MembershipFactory(user=user, tenant=outsider.tenant, role="viewer")
    own, foreign = DeviceFactory(tenant=reseller.tenant), DeviceFactory(tenant=outsider.tenant)
    assert view_person(viewer, user).status_code == 302
    page = devices_on(viewer)
    assert own.name in page
    assert foreign.name not in page


def test_what_the_viewer_does_not_see_stays_unseen(provider, reseller):
    hidden = TenantFactory(parent=reseller.tenant)
    ExclusionFactory(membership=reseller.user.memberships.get(), tenant=hidden)
    device = DeviceFactory(tenant=hidden)
    user = MembershipFactory(tenant=reseller.tenant, role="viewer").user
    browser = reseller.client()
    view_person(browser, user)
    assert device.name not in devices_on(browser)
    view_as(provider.client(), reseller.tenant)


@pytest.mark.parametrize("role", ["viewer", "admin", "custom"])
def test_no_form_is_taken(reseller, viewer, role):
    custom = CustomRoleFactory(tenant=reseller.tenant, permissions=list(PERMISSIONS))
    other = MembershipFactory(tenant=reseller.tenant, role="viewer")
    view_as(viewer, reseller.tenant, f"custom-{custom.pk}" if role == "custom" else role)
    for method in (viewer.post, viewer.put, viewer.delete, viewer.patch):
        response = method(reverse("accounts:membership-remove", args=[other.pk]))
        assert response.status_code == 403
        assert b"You are only looking" in response.content
    assert Membership.objects.filter(pk=other.pk).exists()


@pytest.mark.parametrize(
    "name",
    [
        "fleet:device-export",
        "fleet:user-export",
        "jobs:job-export",
        "accounts:settings",
        "accounts:view-as",
        "accounts:person-invite",
        "servers:server-link",
        "sso:launch-ended",
        "account_change_password",
        "account_reauthenticate",
    ],
)
def test_no_file_no_secret_no_sign_in_and_nothing_of_the_viewers_own(reseller, viewer, name):
    DeviceFactory(tenant=reseller.tenant)
    view_as(viewer, reseller.tenant, "owner")
    assert viewer.get(reverse(name)).status_code == 403


def test_comet_is_not_opened(reseller, viewer):
    profile = UserProfileFactory(tenant=reseller.tenant)
    view_as(viewer, reseller.tenant, "owner")
    assert viewer.get(reverse("sso:user-launch", args=[profile.pk])).status_code == 403


def test_viewing_within_viewing_is_refused(reseller, viewer):
    user = MembershipFactory(tenant=reseller.tenant, role="admin").user
    view_as(viewer, reseller.tenant)
    assert view_person(viewer, user).status_code == 403
    assert view_as(viewer, reseller.tenant, "owner").status_code == 403


def test_nobody_beyond_reach_is_viewed(reseller, outsider, provider, viewer):
    assert view_person(viewer, outsider.user).status_code == 404
    assert view_person(viewer, provider.user).status_code == 404
    assert view_as(viewer, outsider.tenant).status_code == 422
    foreign = CustomRoleFactory(tenant=outsider.tenant)
    assert view_as(viewer, reseller.tenant, f"custom-{foreign.pk}").status_code == 422


def test_it_needs_its_permission_where_the_person_is(reseller):
    role = CustomRoleFactory(tenant=reseller.tenant, permissions=["person:view"])
    user = MembershipFactory(tenant=reseller.tenant, role="", custom_role=role).user
    MembershipFactory(user=user, tenant=TenantFactory(), role="admin")
    browser = type(reseller)(user, reseller.tenant).client()
    assert view_person(browser, reseller.user).status_code == 403


@pytest.mark.parametrize("who", ["himself", "closed"])
def test_there_is_nothing_to_see_as_oneself_or_as_who_cannot_sign_in(reseller, viewer, who):
    user = reseller.user
    if who == "closed":
        user = MembershipFactory(tenant=reseller.tenant, user__is_active=False).user
    response = view_person(viewer, user)
    assert response.url == reverse("accounts:person-detail", args=[user.pk])
    assert not Entry.objects.filter(action=viewing.ACTION).exists()


def test_begin_and_end_are_in_the_audit(reseller, viewer):
    view_as(viewer, reseller.tenant)
    begun = Entry.objects.get(action=viewing.ACTION)
    assert (begun.actor, begun.details["as"]) == (reseller.user, "Viewer of Reseller")
    viewer.post(reverse("accounts:view-as-stop"))
    assert ended().get().begun == begun


def test_it_ends_by_itself_after_half_an_hour(reseller, viewer):
    view_as(viewer, reseller.tenant)
    with time_machine.travel(timezone.now() + timedelta(minutes=29)):
        assert b"Viewing as" in viewer.get(HOME).content
    with time_machine.travel(timezone.now() + timedelta(minutes=31)):
        assert b"Viewing as" not in viewer.get(HOME).content
        viewing.sweep_viewings()
    assert ended().get().details["because"] == viewing.TIME_IS_OVER


def test_it_ends_with_the_session(reseller, viewer):
    view_as(viewer, reseller.tenant)
    viewer.post(reverse("account_logout"))
    assert ended().get().details["because"] == "sign-out"


def test_the_sweep_ends_what_lost_its_session(reseller, viewer):
    view_as(viewer, reseller.tenant)
    viewer.session.flush()
    viewing.sweep_viewings()
    assert not ended().exists()
    with time_machine.travel(timezone.now() + timedelta(minutes=31)):
        viewing.sweep_viewings()
        viewing.sweep_viewings()
    assert ended().count() == 1


def test_the_switcher_narrows_nobody_wider(reseller, viewer):
    customer = TenantFactory(parent=reseller.tenant)
    device = DeviceFactory(tenant=reseller.tenant)
    session = viewer.session
    view_as(viewer, customer)
    session = viewer.session
    session["tenant_id"] = reseller.tenant.pk
    session.save()
    assert device.name not in devices_on(viewer)


def test_a_role_deleted_meanwhile_shows_nothing(reseller, viewer):
    role = CustomRoleFactory(tenant=reseller.tenant, permissions=["device:view"])
    device = DeviceFactory(tenant=reseller.tenant)
    view_as(viewer, reseller.tenant, f"custom-{role.pk}")
    assert device.name in devices_on(viewer)
    role.delete()
    assert viewer.get(reverse("fleet:device-list")).status_code == 403


def test_a_provider_sees_the_whole_as_the_role_at_the_root(provider):
    browser = provider.client()
    device = DeviceFactory()
    view_as(browser, provider.tenant, "customer")
    assert device.name in devices_on(browser)
    assert browser.get(reverse("accounts:person-list")).status_code == 403
    assert person(provider.tenant, "viewer")
