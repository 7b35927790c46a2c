"""The pages of one person, and of the roles that tenants make."""

import pytest
from django.urls import reverse

from portal.accounts.models import CustomRole, Exclusion, Membership
from portal.audit.models import Entry
from portal.core.access import PERMISSIONS
from tests.cast import person
from tests.factories import (
    CustomRoleFactory,
    ExclusionFactory,
    MembershipFactory,
    TenantFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


def give(who, user, tenant, role="viewer", excluded=()):
    url = reverse("accounts:role-give", args=[user.pk])
    data = {"tenant": tenant.pk, "role": role, "excluded": [one.pk for one in excluded]}
    return who.client().post(url, data)


class TestPerson:
    def test_roles_beyond_the_viewers_reach_are_not_shown(self, reseller, outsider):
        user = MembershipFactory(tenant=reseller.tenant, role="viewer").user
        MembershipFactory(user=user, tenant=outsider.tenant, role="technician")
        page = reseller.client().get(reverse("accounts:person-detail", args=[user.pk])).content.decode()
        assert "Viewer" in page
        assert outsider.tenant.name not in page
        assert "Technician" not in page

    def test_an_excluded_tenant_is_named_only_to_who_sees_it(self, provider, reseller):
        hidden = TenantFactory(parent=reseller.tenant, name="A hidden customer")
        other = MembershipFactory(tenant=reseller.tenant, role="viewer")
        ExclusionFactory(membership=other, tenant=hidden)
        ExclusionFactory(membership=reseller.user.memberships.get(), tenant=hidden)
        url = reverse("accounts:person-detail", args=[other.user_id])
        assert "A hidden customer" in provider.client().get(url).content.decode()
        page = reseller.client().get(url).content.decode()
        assert "A hidden customer" not in page
        assert "1 you do not see" in page

    def test_a_role_is_given_with_exceptions(self, reseller):
        below = TenantFactory(parent=reseller.tenant)
        user = MembershipFactory(tenant=below, role="viewer").user
        assert give(reseller, user, reseller.tenant, "technician", [below]).status_code == 302
        membership = Membership.objects.get(user=user, role="technician")
        assert [one.tenant for one in membership.exclusions.all()] == [below]

    def test_exceptions_are_changed_and_those_unseen_stay(self, provider, reseller):
        seen, hidden = TenantFactory(parent=reseller.tenant), TenantFactory(parent=reseller.tenant)
        other = MembershipFactory(tenant=reseller.tenant, role="viewer")
        ExclusionFactory(membership=other, tenant=hidden)
        ExclusionFactory(membership=reseller.user.memberships.get(), tenant=hidden)
        url = reverse("accounts:membership-except", args=[other.pk])
        assert reseller.client().post(url, {"excluded": [seen.pk]}).status_code == 302
        assert set(other.exclusions.values_list("tenant", flat=True)) == {seen.pk, hidden.pk}
        form = provider.client().get(url).context["form"]
        provider.client().post(url, {"seen": form["seen"].value()})
        assert not other.exclusions.exists()

    def test_the_second_of_two_editors_of_exceptions_sees_what_changed_and_loses_nothing(self, reseller):
        elm, fir, hidden = (TenantFactory(parent=reseller.tenant, name=one) for one in ("Elm", "Fir", "Hid"))
        other = MembershipFactory(tenant=reseller.tenant, role="viewer")
        ExclusionFactory(membership=other, tenant=elm)
        url = reverse("accounts:membership-except", args=[other.pk])
        seen = reseller.client().get(url).context["form"]["seen"].value()
        first, second = ({"seen": seen, "excluded": [one.pk]} for one in (fir, hidden))
        assert reseller.client().post(url, first).status_code == 302
        refused = reseller.client().post(url, second)
        page = refused.content.decode()
        assert refused.status_code == 422
        assert "Somebody changed these exceptions while you did." in page
        assert "Fir is left out now." in page
        assert "Elm is no longer left out." in page
        assert [one.tenant for one in other.exclusions.all()] == [fir]
        assert Entry.objects.filter(action="person.role-exclude", outcome="refused").count() == 1
        again = {"seen": refused.context["form"]["seen"].value(), "excluded": [hidden.pk]}
        assert reseller.client().post(url, again).status_code == 302
        assert [one.tenant for one in other.exclusions.all()] == [hidden]

    @pytest.mark.parametrize("seen", ["", "0", "x \x00", "٣", "9" * 40])
    def test_what_was_seen_is_not_guessed(self, reseller, seen):
        below = TenantFactory(parent=reseller.tenant)
        other = MembershipFactory(tenant=reseller.tenant, role="viewer")
        ExclusionFactory(membership=other, tenant=below)
        url = reverse("accounts:membership-except", args=[other.pk])
        assert reseller.client().post(url, {"seen": seen}).status_code == 422
        assert other.exclusions.exists()

    @pytest.mark.parametrize("is_trashed", [False, True])
    def test_who_is_kept_out_of_a_part_appoints_one_of_his_kind(self, provider, is_trashed):
        hidden = TenantFactory(parent=provider.tenant, name="A hidden customer", is_trashed=is_trashed)
        second = person(provider.tenant, "owner")
        ExclusionFactory(membership=second.user.memberships.get(), tenant=hidden)
        third = MembershipFactory(tenant=TenantFactory(parent=provider.tenant), role="viewer").user
        form = second.client().get(reverse("accounts:role-give", args=[third.pk])).content.decode()
        assert "What exceptions keep you out of is left out of this role, too." in form
        assert give(second, third, provider.tenant, "owner").status_code == 302
        given = Membership.objects.get(user=third, role="owner")
        assert [one.tenant for one in given.exclusions.all()] == [hidden]
        told = [str(entry.details) for entry in Entry.objects.filter(action="person.role-give")]
        assert all("1 out of sight of who did this" in one for one in told if "except" in one)
        assert not any("A hidden customer" in one for one in told)

    def test_who_is_kept_out_of_nothing_leaves_nothing_out(self, provider, reseller):
        third = MembershipFactory(tenant=reseller.tenant, role="viewer").user
        assert give(provider, third, provider.tenant, "owner").status_code == 302
        assert not Exclusion.objects.exists()

    @pytest.mark.parametrize("what", ["foreign tenant", "foreign role", "foreign exception", "no ids"])
    def test_foreign_ids_are_refused_in_every_choice(self, reseller, outsider, what):
        user = MembershipFactory(tenant=reseller.tenant, role="viewer").user
        foreign = TenantFactory(parent=outsider.tenant)
        data = {"tenant": reseller.tenant.pk, "role": "customer", "excluded": []}
        data |= {
            "foreign tenant": {"tenant": outsider.tenant.pk},
            "foreign role": {"role": f"custom-{CustomRoleFactory(tenant=outsider.tenant).pk}"},
            "foreign exception": {"excluded": [foreign.pk]},
            "no ids": {"tenant": "1 OR 1=1", "role": "custom-", "excluded": ["x", "\x00"]},
        }[what]
        response = reseller.client().post(reverse("accounts:role-give", args=[user.pk]), data)
        assert response.status_code == 422
        assert foreign.name not in response.content.decode()
        assert user.memberships.count() == 1
        assert not Exclusion.objects.exists()

    def test_an_exception_must_be_below_the_tenant(self, provider, reseller, outsider):
        user = MembershipFactory(tenant=reseller.tenant, role="viewer").user
        response = give(provider, user, reseller.tenant, "customer", [outsider.tenant])
        assert response.status_code == 422
        assert "nothing to leave out" in response.content.decode()

    def test_the_last_role_taken_leads_back_to_the_list(self, reseller):
        membership = MembershipFactory(tenant=reseller.tenant, role="viewer")
        response = reseller.client().post(reverse("accounts:membership-remove", args=[membership.pk]))
        assert response.url == reverse("accounts:person-list")

    def test_the_last_owner_is_told_why_he_stays(self, provider):
        browser = provider.client()
        url = reverse("accounts:person-close", args=[provider.user.pk])
        page = browser.post(url, follow=True).content.decode()
        assert "needs an owner" in page
        assert provider.user.memberships.exists()

    def test_a_closed_sign_in_is_closed(self, reseller):
        other = person(reseller.tenant, "viewer")
        theirs = other.client()
        browser = reseller.client()
        browser.post(reverse("accounts:person-close", args=[other.user.pk]))
        assert theirs.get("/").status_code == 302
        page = browser.get(reverse("accounts:person-detail", args=[other.user.pk])).content.decode()
        assert "Sign-in closed" in page
        browser.post(reverse("accounts:person-reopen", args=[other.user.pk]))
        other.user.refresh_from_db()
        assert other.user.is_active

    def test_the_number_of_queries_does_not_grow_with_the_roles_of_others(
        self, provider, django_assert_max_num_queries
    ):
        user = UserFactory()
        for _ in range(8):
            MembershipFactory(user=user, role="viewer")
        browser = provider.client()
        with django_assert_max_num_queries(26):
            browser.get(reverse("accounts:person-detail", args=[user.pk]))


class TestRoles:
    def make(self, who, **data):
        data = {
            "tenant": who.tenant.pk,
            "name": "Night shift",
            "permissions": ["job:view"],
            "version": 0,
        } | data
        return who.client().post(reverse("accounts:role-create"), data)

    def save(self, who, role, **data):
        browser = who.client()
        url = reverse("accounts:role-detail", args=[role.pk])
        form = browser.get(url).context["form"]
        fields = {name: form.initial[name] for name in form.fields}
        return lambda: browser.post(url, fields | data)

    def test_a_role_is_made_and_given(self, reseller):
        assert self.make(reseller).status_code == 302
        role = CustomRole.objects.get()
        user = MembershipFactory(tenant=reseller.tenant, role="viewer").user
        give(reseller, user, reseller.tenant, f"custom-{role.pk}")
        assert user.memberships.filter(custom_role=role).exists()

    def test_a_changed_role_is_told_value_by_value(self, reseller):
        self.make(reseller)
        role = CustomRole.objects.get()
        self.save(reseller, role, name="Evening shift")()
        ended = Entry.objects.get(action="role.edit", phase="ended")
        (told,) = ended.details["changes"]
        assert (told["field"], told["before"], told["after"]) == ("name", role.name, "Evening shift")

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("name", ""),
            ("name", "x" * 61),
            ("name", "evil\u202egnp"),
            ("name", "pаypal team"),
            ("permissions", []),
            ("permissions", ["root:all"]),
            ("version", "x"),
        ],
    )
    def test_bad_input_is_refused_at_its_field(self, reseller, field, value):
        response = self.make(reseller, **{field: value})
        assert response.status_code == 422
        assert field in response.context["form"].errors

    def test_a_name_that_reads_as_a_built_in_role_is_refused(self, reseller):
        response = self.make(reseller, name="Оwner")
        assert response.status_code == 422
        assert not CustomRole.objects.exists()

    def test_what_the_editor_does_not_hold_is_greyed_with_the_reason(self, reseller):
        role = CustomRoleFactory(tenant=reseller.tenant, permissions=["person:manage", "person:view"])
        user = MembershipFactory(tenant=reseller.tenant, role="", custom_role=role).user
        page = type(reseller)(user, reseller.tenant).client().get(reverse("accounts:role-create"))
        lines = {line.name: line for _, group in page.context["form"].groups() for line in group}
        assert not lines["person:manage"].why_not
        assert "You do not hold this" in lines["backup:run"].why_not
        assert set(lines) == set(PERMISSIONS)

    def test_the_second_of_two_editors_sees_what_changed_and_loses_nothing(self, reseller):
        role = CustomRoleFactory(tenant=reseller.tenant, name="Shift", permissions=["job:view"])
        first = self.save(reseller, role, name="Day shift", permissions=["job:view", "backup:run"])
        second = self.save(reseller, role, name="Late shift", permissions=["job:view", "job:cancel"])
        assert first().status_code == 302
        refused = second()
        page = refused.content.decode()
        assert refused.status_code == 422
        assert "changed this role while you did" in page
        assert "The name was “Shift” and is “Day shift”." in page
        assert "It now holds “Run backups”." in page
        assert refused.context["form"]["name"].value() == "Late shift"
        role.refresh_from_db()
        assert (role.name, role.permissions) == ("Day shift", ["job:view", "backup:run"])

        again = {name: refused.context["form"][name].value() for name in refused.context["form"].fields}
        reseller.client().post(reverse("accounts:role-detail", args=[role.pk]), again)
        role.refresh_from_db()
        assert (role.name, role.permissions) == ("Late shift", ["job:view", "job:cancel"])

    def test_a_held_role_says_who_holds_it(self, reseller):
        role = CustomRoleFactory(tenant=reseller.tenant)
        holder = MembershipFactory(tenant=reseller.tenant, role="", custom_role=role)
        response = reseller.client().post(reverse("accounts:role-delete", args=[role.pk]))
        assert response.status_code == 422
        assert holder.user.name in response.content.decode()
        holder.delete()
        assert reseller.client().post(reverse("accounts:role-delete", args=[role.pk])).status_code == 302

    def test_roles_of_others_are_not_listed(self, reseller, outsider):
        role = CustomRoleFactory(tenant=outsider.tenant, name="Their own")
        assert "Their own" not in reseller.client().get(reverse("accounts:role-list")).content.decode()
        assert reseller.client().get(reverse("accounts:role-detail", args=[role.pk])).status_code == 404
