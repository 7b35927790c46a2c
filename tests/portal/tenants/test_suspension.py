"""Suspended tenants: their people are out at once, whoever is above sees everything."""

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.urls import reverse

from portal.accounts.access import access_for
from portal.accounts.errors import InvitationUnusable
from portal.accounts.grants import RoleChoice
from portal.accounts.models import User
from portal.accounts.services import get_invitation, invite
from portal.audit.models import Entry
from portal.sso.models import Launch
from portal.tenants.models import Tenant
from portal.tenants.services import create_tenant, move_tenant
from portal.tenants.suspension import resume_tenant, suspend_tenant
from tests.cast import person
from tests.factories import DeviceFactory, LaunchFactory, MembershipFactory, TenantFactory

pytestmark = pytest.mark.django_db


def suspend(tenant, who):
    suspend_tenant(tenant, access=access_for(who.user), actor=who.user)


def resume(tenant, who):
    resume_tenant(tenant, access=access_for(who.user), actor=who.user)


def sign_in(client, user):
    data = {"login": user.email, "password": "correct horse battery"}
    return client.post(reverse("account_login"), data)


def test_sessions_of_its_people_end(provider, reseller, customer):
    browsers = [reseller.client(), customer.client()]
    others = provider.client()

    suspend(reseller.tenant, provider)

    for browser in browsers:
        assert browser.get("/").url.startswith(reverse("account_login"))
    assert others.get("/").status_code == 200


def test_roles_held_there_and_below_give_nothing(provider, reseller, customer):
    suspend(reseller.tenant, provider)
    for who in (reseller, customer):
        assert list(access_for(who.user).permissions()) == []


def test_whoever_is_above_sees_it_as_before(provider, reseller, customer):
    device = DeviceFactory(tenant=customer.tenant)
    suspend(customer.tenant, reseller)
    assert access_for(reseller.user).allows("device:view", tenant_id=device.tenant_id)
    page = reseller.client().get(reverse("tenants:tenant-detail", args=[customer.tenant.pk]))
    assert "Suspended" in page.content.decode()


def test_nobody_of_it_is_let_in_and_the_page_says_why(client, provider, customer):
    suspend(customer.tenant, provider)
    response = sign_in(client, customer.user)
    assert response.status_code == 403
    assert f"{customer.tenant} is suspended" in response.content.decode()
    assert "_auth_user_id" not in client.session
    entry = Entry.objects.filter(action="sign_in.failed", phase=Entry.Phase.BEGUN).get()
    assert entry.details["reason"] == f"{customer.tenant} is suspended"


def test_a_wrong_password_learns_nothing_of_it(client, provider, customer):
    suspend(customer.tenant, provider)
    response = client.post(reverse("account_login"), {"login": customer.user.email, "password": "wrong"})
    assert "suspended" not in response.content.decode()


def test_somebody_with_a_role_elsewhere_stays_and_loses_what_came_through_it(provider, reseller, outsider):
    MembershipFactory(user=reseller.user, tenant=outsider.tenant, role="viewer")
    browser = reseller.client()

    suspend(reseller.tenant, provider)

    assert browser.get("/").status_code == 200
    held = access_for(reseller.user)
    assert held.allows("device:view", tenant_id=outsider.tenant.pk)
    assert not held.allows("device:view", tenant_id=reseller.tenant.pk)


def test_open_comet_sign_ins_of_its_people_end(provider, reseller):
    launch = LaunchFactory(tenant=reseller.tenant, user=reseller.user, state=Launch.State.OPEN)
    other = LaunchFactory(tenant=reseller.tenant, user=provider.user, state=Launch.State.OPEN)
    suspend(reseller.tenant, provider)
    launch.refresh_from_db()
    other.refresh_from_db()
    assert (launch.state, other.state) == (Launch.State.ENDING, Launch.State.OPEN)


def test_resumed_people_are_let_in_again(client, provider, reseller, customer):
    suspend(reseller.tenant, provider)
    resume(reseller.tenant, provider)
    assert sign_in(client, customer.user).status_code == 302
    assert access_for(customer.user).allows("device:view", tenant_id=customer.tenant.pk)


def test_what_was_suspended_by_itself_stays_so_when_what_is_above_is_resumed(provider, reseller, customer):
    suspend(customer.tenant, provider)
    suspend(reseller.tenant, provider)
    resume(reseller.tenant, provider)
    customer.tenant.refresh_from_db()
    reseller.tenant.refresh_from_db()
    assert (reseller.tenant.is_suspended, customer.tenant.is_suspended) == (False, True)


def test_a_tenant_suspended_from_above_is_resumed_there(provider, reseller, customer):
    suspend(reseller.tenant, provider)
    with pytest.raises(ValidationError, match="above it"):
        resume(customer.tenant, provider)


def test_suspension_follows_a_move(provider, reseller, customer, outsider):
    suspend(outsider.tenant, provider)
    browser = customer.client()

    everything = access_for(provider.user)
    move_tenant(customer.tenant, parent=outsider.tenant, access=everything, actor=provider.user)
    assert Tenant.objects.get(pk=customer.tenant.pk).is_suspended
    assert browser.get("/").url.startswith(reverse("account_login"))

    move_tenant(customer.tenant, parent=reseller.tenant, access=everything, actor=provider.user)
    assert not Tenant.objects.get(pk=customer.tenant.pk).is_suspended


def test_a_tenant_made_below_a_suspended_one_is_suspended(provider, reseller):
    suspend(reseller.tenant, provider)
    parent = Tenant.objects.get(pk=reseller.tenant.pk)
    assert create_tenant(parent=parent, kind="customer", name="New", actor=provider.user).is_suspended


def test_nobody_suspends_the_branch_he_sits_on(provider, reseller, customer):
    with pytest.raises(PermissionDenied):
        suspend(reseller.tenant, reseller)
    with pytest.raises(ValidationError, match="stays at the top"):
        suspend(provider.tenant, provider)
    suspend(customer.tenant, reseller)


def test_a_technician_suspends_nothing(technician, customer):
    with pytest.raises(PermissionDenied):
        suspend(customer.tenant, technician)


@pytest.mark.parametrize("again", [suspend, resume])
def test_what_has_no_effect_says_so(provider, customer, again):
    if again is suspend:
        suspend(customer.tenant, provider)
    with pytest.raises(ValidationError, match="suspended"):
        again(customer.tenant, provider)


def test_an_invitation_into_it_rests(provider, customer):
    role = RoleChoice("viewer")
    _, token = invite(
        tenant=customer.tenant, role=role, access=access_for(provider.user), invited_by=provider.user
    )
    suspend(customer.tenant, provider)
    with pytest.raises(InvitationUnusable, match="suspended"):
        get_invitation(token)
    resume(customer.tenant, provider)
    assert get_invitation(token).tenant == customer.tenant


def test_both_are_in_the_audit(provider, customer):
    suspend(customer.tenant, provider)
    resume(customer.tenant, provider)
    done = Entry.objects.filter(action__startswith="tenant.", outcome=Entry.Outcome.DONE).order_by("pk")
    assert [(entry.action, entry.object_label) for entry in done] == [
        ("tenant.suspend", str(customer.tenant)),
        ("tenant.resume", str(customer.tenant)),
    ]


def test_somebody_without_any_role_is_let_in(client, nobody):
    assert sign_in(client, User.objects.get(pk=nobody.user.pk)).status_code == 302


def test_the_switcher_shows_all_again_where_its_tenant_gave_the_only_role(provider, reseller, outsider):
    MembershipFactory(user=reseller.user, tenant=outsider.tenant, role="admin")
    browser = reseller.client()
    browser.post(reverse("tenants:tenant-switch"), {"tenant": reseller.tenant.pk})
    suspend(reseller.tenant, provider)
    assert browser.get(reverse("tenants:tenant-list")).status_code == 200
    options = browser.get(reverse("tenants:tenant-options")).content.decode()
    assert str(reseller.tenant) not in options
    assert browser.post(reverse("tenants:tenant-switch"), {"tenant": reseller.tenant.pk}).status_code == 404


def test_the_switcher_marks_suspended_tenants(provider, customer):
    suspend(customer.tenant, provider)
    assert "Suspended" in provider.client().get(reverse("tenants:tenant-options")).content.decode()


def test_a_large_tree_is_suspended_in_few_queries(provider, django_assert_max_num_queries):
    top = TenantFactory()
    for _ in range(30):
        TenantFactory(parent=top)
    access = access_for(provider.user)
    with django_assert_max_num_queries(20):
        suspend_tenant(top, access=access, actor=provider.user)
    assert Tenant.objects.filter(is_suspended=True).count() == 31


def test_one_open_tenant_is_enough_to_be_let_in(client, provider, customer, outsider):
    other = person(outsider.tenant, "viewer")
    MembershipFactory(user=other.user, tenant=customer.tenant, role="viewer")
    suspend(customer.tenant, provider)
    assert sign_in(client, other.user).status_code == 302


def test_many_people_who_are_not_signed_in_cost_little(provider, customer, django_assert_max_num_queries):
    MembershipFactory.create_batch(30, tenant=customer.tenant, role="viewer")
    with django_assert_max_num_queries(30 + 25):
        suspend(customer.tenant, provider)


def test_comet_sign_ins_that_are_over_cost_nothing(provider, customer, django_assert_max_num_queries):
    LaunchFactory.create_batch(40, tenant=customer.tenant, user=customer.user, state=Launch.State.REVOKED)
    with django_assert_max_num_queries(30):
        suspend(customer.tenant, provider)
