"""Nobody gives or takes what he does not hold, wherever it would reach."""

import pytest

from portal.accounts.access import access_for
from portal.accounts.errors import RoleChanged, RoleRefused
from portal.accounts.forms_roles import ExceptForm
from portal.accounts.grants import RoleChoice, may_grant, usable_roles
from portal.accounts.memberships import (
    close_sign_in,
    exclude_tenants,
    give_role,
    may_close,
    reopen_sign_in,
    take_role,
)
from portal.accounts.models import CustomRole, Exclusion, Membership
from portal.accounts.roles import delete_role, edit_role, make_role
from portal.audit.models import Entry
from tests.cast import person
from tests.factories import (
    CustomRoleFactory,
    ExclusionFactory,
    InvitationFactory,
    MembershipFactory,
    TenantFactory,
    UserFactory,
    provider_tenant,
)

pytestmark = pytest.mark.django_db
VIEWER = RoleChoice("viewer")


def give(giver, user, tenant, choice=VIEWER, excluded=()):
    return give_role(
        user, tenant=tenant, choice=choice, excluded=excluded, access=access_for(giver.user), actor=giver.user
    )


@pytest.fixture
def part_manager(reseller):
    """Manages people of the reseller, and holds nothing else there."""
    role = CustomRoleFactory(tenant=reseller.tenant, permissions=["person:view", "person:manage", "job:view"])
    user = MembershipFactory(tenant=reseller.tenant, role="", custom_role=role).user
    return type(reseller)(user, reseller.tenant)


def test_a_role_is_given_with_who_gave_it(reseller):
    membership = give(reseller, UserFactory(), reseller.tenant)
    assert membership.granted_by == reseller.user
    assert Entry.objects.filter(action="person.role-give", outcome="done").exists()


def test_what_one_does_not_hold_cannot_be_given(part_manager):
    with pytest.raises(RoleRefused, match="more than you do"):
        give(part_manager, UserFactory(), part_manager.tenant)
    assert Entry.objects.filter(action="person.role-give", outcome="refused").exists()


def test_a_role_elsewhere_says_nothing_of_this_tenant(reseller, outsider):
    with pytest.raises(RoleRefused):
        give(reseller, UserFactory(), outsider.tenant)


def test_who_is_kept_out_of_a_subtree_lets_nobody_into_it(reseller):
    hidden = TenantFactory(parent=reseller.tenant)
    ExclusionFactory(membership=reseller.user.memberships.get(), tenant=hidden)
    with pytest.raises(RoleRefused):
        give(reseller, UserFactory(), reseller.tenant)
    membership = give(reseller, UserFactory(), reseller.tenant, excluded=[hidden])
    with pytest.raises(RoleRefused):
        exclude_tenants(
            membership, [], seen=[hidden.pk], access=access_for(reseller.user), actor=reseller.user
        )
    assert [one.tenant for one in membership.exclusions.all()] == [hidden]


def test_who_is_kept_out_of_a_subtree_takes_no_role_that_reaches_it(reseller):
    hidden = TenantFactory(parent=reseller.tenant)
    other = MembershipFactory(tenant=reseller.tenant, role="viewer")
    ExclusionFactory(membership=reseller.user.memberships.get(), tenant=hidden)
    with pytest.raises(RoleRefused):
        take_role(other, access=access_for(reseller.user), actor=reseller.user)
    assert Membership.objects.filter(pk=other.pk).exists()


def test_an_exclusion_must_lie_below(reseller, outsider):
    for wrong in (reseller.tenant, outsider.tenant, provider_tenant()):
        with pytest.raises(RoleRefused, match="nothing to leave out"):
            give(reseller, UserFactory(), reseller.tenant, excluded=[wrong])
    assert not Exclusion.objects.exists()


def test_a_role_is_given_once(reseller):
    user = MembershipFactory(tenant=reseller.tenant, role="viewer").user
    with pytest.raises(RoleRefused, match="already"):
        give(reseller, user, reseller.tenant)


def test_a_role_of_another_branch_cannot_be_held_here(provider, reseller, outsider):
    foreign = CustomRoleFactory(tenant=outsider.tenant)
    with pytest.raises(RoleRefused, match="cannot be held"):
        give(provider, UserFactory(), reseller.tenant, RoleChoice(custom=foreign))
    assert foreign not in [choice.custom for choice in usable_roles(access_for(reseller.user))]


def test_a_role_made_above_can_be_given_by_who_holds_all_of_it(reseller, part_manager):
    role = CustomRoleFactory(tenant=provider_tenant(), permissions=["job:view"])
    more = CustomRoleFactory(tenant=provider_tenant(), permissions=["job:view", "backup:run"])
    assert {role, more} <= {choice.custom for choice in usable_roles(access_for(part_manager.user))}
    give(part_manager, UserFactory(), part_manager.tenant, RoleChoice(custom=role))
    assert not may_grant(access_for(part_manager.user), RoleChoice(custom=more), tenant=part_manager.tenant)


class TestOwners:
    def test_the_last_owner_stays(self, provider):
        with pytest.raises(RoleRefused, match="needs an owner"):
            take_role(provider.user.memberships.get(), access=access_for(provider.user), actor=provider.user)
        with pytest.raises(RoleRefused, match="needs an owner"):
            close_sign_in(provider.user, access=access_for(provider.user), actor=provider.user)
        with pytest.raises(RoleRefused, match="needs an owner"):
            exclude_tenants(
                provider.user.memberships.get(),
                [TenantFactory()],
                seen=[],
                access=access_for(provider.user),
                actor=provider.user,
            )

    @pytest.mark.parametrize("other", ["closed", "kept out of a part"])
    def test_an_owner_who_is_none_does_not_count(self, provider, other):
        second = MembershipFactory(tenant=provider.tenant, role="owner", user__is_active=other != "closed")
        if other != "closed":
            ExclusionFactory(membership=second)
        with pytest.raises(RoleRefused, match="needs an owner"):
            take_role(provider.user.memberships.get(), access=access_for(provider.user), actor=provider.user)

    def test_one_of_two_owners_may_go(self, provider):
        person(provider.tenant, "owner")
        take_role(provider.user.memberships.get(), access=access_for(provider.user), actor=provider.user)
        assert not provider.user.memberships.exists()

    def test_whoever_looks_after_a_tenant_may_leave_it_without_an_owner(self, provider, reseller):
        owner = person(reseller.tenant, "owner")
        membership = owner.user.memberships.get()
        with pytest.raises(RoleRefused):
            take_role(membership, access=access_for(reseller.user), actor=reseller.user)
        take_role(membership, access=access_for(provider.user), actor=provider.user)
        assert not owner.user.memberships.exists()


class TestClosing:
    def test_a_closed_sign_in_ends_its_sessions_and_opens_again(self, reseller):
        user = MembershipFactory(tenant=reseller.tenant, role="viewer").user
        browser = type(reseller)(user, reseller.tenant).client()
        assert browser.get("/settings/").status_code == 200
        access = access_for(reseller.user)
        close_sign_in(user, access=access, actor=reseller.user)
        assert browser.get("/settings/").status_code == 302
        reopen_sign_in(user, access=access, actor=reseller.user)
        user.refresh_from_db()
        assert user.is_active
        assert browser.get("/settings/").status_code == 302  # its session is gone for good

    def test_only_who_may_take_every_role_may_close(self, reseller, outsider):
        user = MembershipFactory(tenant=reseller.tenant, role="viewer").user
        MembershipFactory(user=user, tenant=outsider.tenant, role="viewer")
        assert not may_close(access_for(reseller.user), user)
        with pytest.raises(RoleRefused):
            close_sign_in(user, access=access_for(reseller.user), actor=reseller.user)
        user.refresh_from_db()
        assert user.is_active


class TestCustomRoles:
    def make(self, who, tenant=None, name="Night shift", permissions=("job:view",)):
        return make_role(
            tenant=tenant or who.tenant,
            name=name,
            permissions=permissions,
            access=access_for(who.user),
            actor=who.user,
        )

    def edit(self, who, role, *, permissions, name="Night shift", version=None):
        return edit_role(
            role,
            name=name,
            permissions=permissions,
            version=version or role.version,
            access=access_for(who.user),
            actor=who.user,
        )

    def test_a_role_holds_no_more_than_its_maker(self, part_manager):
        self.make(part_manager)
        with pytest.raises(RoleRefused, match="Run backups"):
            self.make(part_manager, name="More", permissions=["job:view", "backup:run"])

    def test_a_role_cannot_be_made_elsewhere(self, reseller, outsider):
        with pytest.raises(RoleRefused):
            self.make(reseller, tenant=outsider.tenant)

    def test_a_role_others_hold_cannot_be_changed_by_who_holds_less(self, reseller, part_manager):
        role = self.make(reseller, permissions=["job:view", "backup:run"])
        for permissions in (["job:view"], ["job:view", "backup:run", "person:view"], ["server:admin"]):
            with pytest.raises(RoleRefused, match="Run backups"):
                self.edit(part_manager, role, permissions=permissions)
        own = self.make(part_manager, name="Own", permissions=["job:view"])
        with pytest.raises(RoleRefused, match="Run backups"):
            self.edit(part_manager, own, name="Own", permissions=["job:view", "backup:run"])

    def test_a_role_held_in_a_tenant_that_was_moved_away_is_not_changed_from_here(self, reseller, outsider):
        customer = TenantFactory(parent=reseller.tenant)
        role = self.make(reseller)
        holder = MembershipFactory(tenant=customer, role="", custom_role=role)
        customer.parent, customer.path = outsider.tenant, f"{outsider.tenant.path}{customer.pk}/"
        customer.save()
        with pytest.raises(RoleRefused, match="no longer below"):
            self.edit(reseller, role, permissions=["job:view", "backup:run"])
        assert not access_for(holder.user).allows("backup:run", tenant_id=customer.pk)

    def test_a_change_reaches_who_holds_it(self, reseller):
        role = self.make(reseller)
        user = MembershipFactory(tenant=reseller.tenant, role="", custom_role=role).user
        self.edit(reseller, role, permissions=["job:view", "backup:run"])
        assert access_for(user).allows("backup:run", tenant_id=reseller.tenant.pk)

    def test_of_two_who_change_it_the_second_is_refused_and_nothing_is_lost(self, reseller):
        role = self.make(reseller)
        seen = CustomRole.objects.get(pk=role.pk)
        self.edit(reseller, role, permissions=["job:view", "backup:run"])
        with pytest.raises(RoleChanged) as refused:
            self.edit(reseller, seen, permissions=["device:view"])
        assert refused.value.role.version == 2
        assert CustomRole.objects.get(pk=role.pk).permissions == ["job:view", "backup:run"]

    @pytest.mark.parametrize("held", ["held", "promised"])
    def test_a_role_that_is_held_is_not_deleted(self, reseller, held):
        role = self.make(reseller)
        factory = MembershipFactory if held == "held" else InvitationFactory
        one = factory(tenant=reseller.tenant, role="", custom_role=role)
        with pytest.raises(RoleRefused, match="is held"):
            delete_role(role, access=access_for(reseller.user), actor=reseller.user)
        one.delete()
        delete_role(role, access=access_for(reseller.user), actor=reseller.user)
        assert not CustomRole.objects.exists()

    @pytest.mark.parametrize("name", ["Owner", "night shift", "Νight shift", "0wner"])
    def test_a_name_that_reads_like_another_is_refused(self, reseller, name):
        self.make(reseller)
        with pytest.raises(RoleRefused, match="reads the same"):
            self.make(reseller, name=name)
        assert CustomRole.objects.count() == 1

    @pytest.mark.parametrize(("sees", "is_told"), [([], False), (["person:view"], True)])
    def test_a_role_below_is_told_to_who_sees_it(self, reseller, sees, is_told):
        CustomRoleFactory(tenant=TenantFactory(parent=reseller.tenant), name="Vault keeper")
        held = CustomRoleFactory(tenant=reseller.tenant, permissions=["person:manage", "job:view", *sees])
        maker = MembershipFactory(tenant=reseller.tenant, role="", custom_role=held).user
        made = {
            "tenant": reseller.tenant,
            "name": "Vault keeper",
            "permissions": ["job:view"],
            "access": access_for(maker),
            "actor": maker,
        }
        if is_told:
            with pytest.raises(RoleRefused, match="reads the same"):
                make_role(**made)
        else:
            assert make_role(**made).name == "Vault keeper"

    def test_an_invitation_to_a_role_is_worth_what_its_maker_holds_of_it_now(self, reseller, client):
        role = self.make(reseller)
        from portal.accounts.services import get_invitation, invite

        _, token = invite(
            tenant=reseller.tenant,
            role=RoleChoice(custom=role),
            access=access_for(reseller.user),
            invited_by=reseller.user,
        )
        assert get_invitation(token).role_name == "Night shift"
        Membership.objects.filter(user=reseller.user).update(role="viewer")
        assert client.get(f"/invitations/{token}/").status_code == 410


def test_a_tenant_in_the_trash_is_in_nobodys_way(reseller):
    TenantFactory(parent=reseller.tenant, is_trashed=True)
    give(reseller, UserFactory(), reseller.tenant)


class TestTrash:
    """Who is kept out of a tenant is kept out of it while it lies in the trash, too."""

    @pytest.fixture(params=["named", "all but"], autouse=True)
    def _told_as(self, request, monkeypatch):
        monkeypatch.setattr("portal.accounts.access.FEW", 0 if request.param == "all but" else 100)

    @pytest.fixture
    def trashed(self, provider):
        return TenantFactory(name="Left", is_trashed=True)

    @pytest.fixture
    def kept_out(self, provider, trashed):
        admin = person(provider.tenant, "admin")
        ExclusionFactory(membership=admin.user.memberships.get(), tenant=trashed)
        return admin

    def test_nobody_is_let_into_it_from_above(self, kept_out):
        with pytest.raises(RoleRefused, match="trash"):
            give(kept_out, UserFactory(), kept_out.tenant)
        with pytest.raises(RoleRefused):
            make_role(
                tenant=kept_out.tenant,
                name="Night shift",
                permissions=["job:view"],
                access=access_for(kept_out.user),
                actor=kept_out.user,
            )

    def test_beside_it_all_may_be_given(self, kept_out):
        give(kept_out, UserFactory(), TenantFactory())

    def test_a_second_role_that_reaches_it_lets_it_be_given(self, kept_out):
        MembershipFactory(user=kept_out.user, tenant=kept_out.tenant, role="viewer")
        give(kept_out, UserFactory(), kept_out.tenant)

    def test_the_form_of_exceptions_keeps_it(self, provider, trashed):
        membership = MembershipFactory(tenant=provider.tenant, role="viewer")
        ExclusionFactory(membership=membership, tenant=trashed)
        form = ExceptForm({}, access=access_for(provider.user), membership=membership, now=[trashed])
        assert form.is_valid()
        assert form.chosen() == [trashed]


def test_nothing_is_given_in_a_tenant_in_the_trash(provider, reseller):
    reseller.tenant.is_trashed = True
    reseller.tenant.save()
    with pytest.raises(RoleRefused):
        give(reseller, UserFactory(), reseller.tenant)
