"""API tokens: how they are written, what they are worth, who makes and revokes them, what is audited."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from portal.accounts import token_text
from portal.accounts.access import access_for
from portal.accounts.errors import TokenRefused, TokenUnusable
from portal.accounts.models import ApiToken, Membership
from portal.accounts.selectors import list_tokens_seeing
from portal.accounts.selectors_tokens import list_managed_tokens
from portal.accounts.token_use import LEEWAY, access_by, find_token, note_unusable, note_use
from portal.accounts.tokens import MOST, make_own_token, make_tenant_token
from portal.audit.models import Entry, Repeat
from portal.core.tenant_sets import EVERYTHING
from portal.tenants.models import Tenant
from portal.tenants.suspension import suspend_tenant
from tests.cast import person
from tests.factories import (
    ApiTokenFactory,
    CustomRoleFactory,
    ExclusionFactory,
    MembershipFactory,
    TenantFactory,
    UserFactory,
)

JOBS = frozenset({"job:view"})


class TestText:
    def test_two_tokens_are_never_the_same_and_both_are_well_formed(self):
        made = {token_text.new_token() for _ in range(50)}
        assert len(made) == 50
        assert all(token_text.is_well_formed(text) for text in made)
        assert all(re.fullmatch(r"phn_[0-9A-Za-z]{49}", text) for text in made)

    @hypothesis_settings(max_examples=100)
    @given(st.integers(0, token_text.LENGTH - 1), st.sampled_from("09AZaz"))
    def test_a_character_that_was_changed_is_noticed(self, place, other):
        text = token_text.new_token()
        changed = text[:place] + other + text[place + 1 :]
        assert token_text.is_well_formed(changed) is (changed == text)

    @hypothesis_settings(max_examples=100)
    @given(st.text(max_size=80))
    def test_other_text_is_no_token(self, text):
        assert not token_text.is_well_formed(text)
        assert not token_text.is_well_formed("phn_" + text)


@pytest.mark.django_db
class TestWorth:
    def test_a_token_is_worth_its_scope_of_what_its_owner_holds(self, reseller):
        token = ApiTokenFactory(owner=reseller.user, permissions=["job:view", "server:view"])
        access = access_by(token)
        assert list(access.permissions()) == ["server:view", "job:view"]
        assert access.tenants_with("job:view") == {reseller.tenant.pk}

    def test_it_follows_its_owner(self, reseller):
        token = ApiTokenFactory(owner=reseller.user, permissions=["job:view", "person:view"])
        Membership.objects.filter(user=reseller.user).update(role="viewer")
        assert list(access_by(token).permissions()) == ["job:view"]

    def test_within_a_tenant_it_reaches_that_subtree_alone(self, provider, reseller, outsider):
        below = TenantFactory(parent=reseller.tenant)
        token = ApiTokenFactory(owner=provider.user, tenant=reseller.tenant)
        assert access_by(token).tenants_with("job:view") == {reseller.tenant.pk, below.pk}
        whole = ApiTokenFactory(owner=provider.user)
        assert access_by(whole).tenants_with("job:view") is EVERYTHING

    def test_a_tenants_token_reaches_its_subtree_and_outlives_its_maker(self, reseller, customer, outsider):
        token = ApiTokenFactory(owner=None, tenant=reseller.tenant, made_by=reseller.user)
        reseller.user.delete()
        token.refresh_from_db()
        access = access_by(token)
        assert access.tenants_with("job:view") == {reseller.tenant.pk, customer.tenant.pk}
        assert access.user_id is None

    def test_a_tenants_token_of_the_provider_reaches_everything(self, provider):
        token = ApiTokenFactory(owner=None, tenant=provider.tenant, permissions=["job:view"])
        assert access_by(token).tenants_with("job:view") is EVERYTHING
        assert access_by(token).tenants_with("server:view") == frozenset()

    def test_it_costs_two_queries(self, reseller, django_assert_num_queries):
        own = token_text.new_token()
        ApiTokenFactory(owner=reseller.user, text=own)
        tenants = token_text.new_token()
        ApiTokenFactory(owner=None, tenant=reseller.tenant, text=tenants)
        for text in (own, tenants):
            with django_assert_num_queries(2):
                access_by(find_token(text))

    def test_what_cannot_be_a_token_costs_no_query(self, db, django_assert_num_queries):
        real = token_text.new_token()
        last = "0" if real[-1] != "0" else "1"
        for text in (real[:-1], real[:-1] + last, "phn_" + "x" * 10_000, "пароль", "", "phn_\x00"):
            with django_assert_num_queries(0), pytest.raises(TokenUnusable) as raised:
                find_token(text)
            assert raised.value.is_guess


@pytest.mark.django_db
class TestUnusable:
    def why_not(self, **fields):
        text = token_text.new_token()
        ApiTokenFactory(text=text, **fields)
        with pytest.raises(TokenUnusable) as raised:
            access_by(find_token(text))
        return str(raised.value)

    def test_revoked(self, reseller):
        assert "was revoked" in self.why_not(owner=reseller.user, revoked_at=timezone.now())

    def test_expired_and_the_leeway_for_clocks_that_differ(self, reseller):
        end = timezone.now()
        text = token_text.new_token()
        ApiTokenFactory(owner=reseller.user, text=text, expires_at=end)
        with time_machine.travel(end + LEEWAY - timedelta(seconds=1), tick=False):
            assert find_token(text)
        with (
            time_machine.travel(end + LEEWAY, tick=False),
            pytest.raises(TokenUnusable, match="expired on"),
        ):
            find_token(text)

    def test_unknown(self):
        with pytest.raises(TokenUnusable, match="not known here") as raised:
            find_token(token_text.new_token())
        assert not raised.value.is_guess

    def test_whose_owner_may_not_sign_in(self, reseller):
        reseller.user.is_active = False
        reseller.user.save()
        assert "is closed" in self.why_not(owner=reseller.user)

    def test_whose_owner_has_no_role_left(self, reseller):
        reseller.user.memberships.all().delete()
        assert "no role any more" in self.why_not(owner=reseller.user)

    def test_within_a_tenant_where_its_owner_has_nothing(self, reseller, outsider):
        assert f"no role in {outsider.tenant}" in self.why_not(owner=reseller.user, tenant=outsider.tenant)

    def test_whose_tenant_is_suspended_itself_or_from_above(self, provider, reseller, customer):
        suspend_tenant(reseller.tenant, access=access_for(provider.user), actor=provider.user)
        assert "is suspended" in self.why_not(owner=None, tenant=reseller.tenant)
        assert "is suspended" in self.why_not(owner=None, tenant=customer.tenant)
        assert "no role" in self.why_not(owner=customer.user)

    def test_whose_tenant_is_in_the_trash(self, reseller):
        Tenant.objects.filter(pk=reseller.tenant.pk).update(trashed_at=timezone.now(), is_trashed=True)
        assert "was deleted" in self.why_not(owner=None, tenant=reseller.tenant)


@pytest.mark.django_db
class TestMaking:
    def make(self, who, **given):
        made = {"name": "A script", "permissions": JOBS, "lifetime": timedelta(days=90)}
        return make_own_token(access=access_for(who.user), actor=who.user, **(made | given))

    def make_tenants(self, who, tenant, **given):
        made = {"name": "A script", "permissions": JOBS, "lifetime": timedelta(days=90)}
        return make_tenant_token(tenant=tenant, access=access_for(who.user), actor=who.user, **(made | given))

    def test_only_a_digest_is_stored(self, reseller):
        token, text = self.make(reseller)
        assert find_token(text) == token
        stored = ApiToken.objects.filter(pk=token.pk).values().get()
        assert text not in str(stored)
        assert text not in str(list(Entry.objects.values()))
        assert stored["hint"] == text[-4:]

    def test_nobody_gives_what_he_holds_nowhere(self, customer):
        with pytest.raises(TokenRefused, match="do not hold yourself"):
            self.make(customer, permissions={"server:view"})
        assert Entry.objects.filter(action="token.make", outcome="refused").exists()
        assert not ApiToken.objects.exists()

    def test_nobody_makes_one_within_a_tenant_out_of_reach(self, reseller, outsider):
        with pytest.raises(TokenRefused, match="may do nothing in"):
            self.make(reseller, within=outsider.tenant)

    @pytest.mark.parametrize("lifetime", [timedelta(0), timedelta(days=-1), timedelta(days=366)])
    def test_it_lasts_a_year_at_most(self, reseller, lifetime):
        with pytest.raises(ValueError, match="up to 365 days"):
            self.make(reseller, lifetime=lifetime)

    def test_a_tenants_token_needs_the_right_to_make_them_there(self, reseller, outsider, technician):
        for who in (outsider, technician):
            with pytest.raises(TokenRefused, match="may not make tokens of"):
                self.make_tenants(who, reseller.tenant)

    def test_a_tenants_token_holds_nothing_that_its_maker_lacks_below(self, reseller, customer):
        role = CustomRoleFactory(tenant=reseller.tenant, permissions=["token:manage", "job:view"])
        held = MembershipFactory(tenant=reseller.tenant, role="", custom_role=role)
        maker = type(reseller)(held.user, reseller.tenant)
        assert self.make_tenants(maker, reseller.tenant)
        with pytest.raises(TokenRefused, match="do not hold there and below"):
            self.make_tenants(maker, reseller.tenant, permissions={"job:view", "server:view"})
        ExclusionFactory(membership=held, tenant=customer.tenant)
        with pytest.raises(TokenRefused, match="do not hold there and below"):
            self.make_tenants(maker, reseller.tenant)

    def test_a_suspended_tenant_gets_no_token(self, provider, reseller):
        suspend_tenant(reseller.tenant, access=access_for(provider.user), actor=provider.user)
        reseller.tenant.refresh_from_db()
        with pytest.raises(TokenRefused, match="is suspended"):
            self.make_tenants(provider, reseller.tenant)

    def test_there_is_an_end_to_how_many(self, reseller):
        ApiTokenFactory.create_batch(MOST, owner=reseller.user)
        with pytest.raises(TokenRefused, match="50 tokens already"):
            self.make(reseller)
        ApiToken.objects.filter(pk=ApiToken.objects.first().pk).update(revoked_at=timezone.now())
        assert self.make(reseller)


@pytest.mark.django_db
class TestUse:
    def test_use_is_stored_once_a_minute(self, reseller, django_assert_num_queries):
        token = ApiTokenFactory(owner=reseller.user)
        now = timezone.now()
        with time_machine.travel(now, tick=False) as clock:
            note_use(token, ip="192.0.2.7")
            token.refresh_from_db()
            assert (token.last_used_at, token.last_used_ip) == (now, "192.0.2.7")
            clock.shift(59)
            with django_assert_num_queries(0):
                note_use(token, ip="192.0.2.7")
            clock.shift(2)
            with django_assert_num_queries(1):
                note_use(token, ip="192.0.2.7")
            token.refresh_from_db()
            assert token.last_used_at == now + timedelta(seconds=61)

    def test_the_first_use_from_each_address_is_audited(self, reseller):
        token = ApiTokenFactory(owner=reseller.user)
        for ip in ("192.0.2.7", "192.0.2.8", "192.0.2.7", "2001:db8::1", "2001:db8::2"):
            note_use(token, ip=ip)
            token.refresh_from_db()
        noted = Entry.objects.filter(action="token.new_address", phase="begun").order_by("pk")
        assert [entry.ip_address for entry in noted] == ["192.0.2.7", "192.0.2.8", "2001:db8::1"]
        assert {entry.actor for entry in noted} == {reseller.user}
        assert {entry.tenant_id for entry in noted} == {reseller.tenant.pk}

    def test_refused_uses_are_counted_in_one_entry_a_minute(self, reseller):
        token = ApiTokenFactory(owner=reseller.user, revoked_at=timezone.now())
        for _ in range(3):
            note_unusable(TokenUnusable("revoked", token=token), ip="192.0.2.7")
        for _ in range(2):
            note_unusable(TokenUnusable("unknown"), ip="192.0.2.7")
        note_unusable(TokenUnusable("no token at all", is_guess=True), ip="192.0.2.7")
        assert sorted(Repeat.objects.values_list("times", flat=True)) == [2, 3]
        assert Entry.objects.filter(action="token.refused").count() == 2


@pytest.mark.django_db
class TestPages:
    def form(self, **given):
        return {"name": "Grafana", "days": 90, "permissions": ["job:view"]} | given

    def test_a_token_is_shown_once_and_never_kept_by_a_browser(self, reseller):
        client = reseller.client()
        made = client.post(reverse("accounts:token-make"), self.form())
        (text,) = set(token_text.PATTERN.findall(made.content.decode()))
        assert "no-store" in made["Cache-Control"]
        assert find_token(text).owner == reseller.user
        listed = client.get(reverse("accounts:token-list")).content.decode()
        assert "Grafana" in listed
        assert text not in listed

    @pytest.mark.parametrize(
        "wrong",
        [
            {"name": ""},
            {"name": "<b>"},
            {"name": "a\u202eb"},
            {"name": "x" * 81},
            {"days": 0},
            {"days": 366},
            {"days": "soon"},
            {"permissions": []},
            {"permissions": ["job:everything"]},
            {"within": 10**9},
        ],
    )
    def test_what_cannot_be_is_told_at_its_field(self, reseller, wrong):
        response = reseller.client().post(reverse("accounts:token-make"), self.form(**wrong))
        assert response.status_code == 422
        assert next(iter(wrong)) in response.context["form"].errors
        assert not ApiToken.objects.exists()

    def test_what_one_does_not_hold_is_refused_with_words(self, customer):
        form = self.form(permissions=["server:admin"])
        response = customer.client().post(reverse("accounts:token-make"), form)
        assert response.status_code == 422
        assert "do not hold yourself" in response.content.decode()

    def test_making_one_asks_for_a_fresh_proof(self, reseller):
        client = reseller.client()
        with time_machine.travel(timezone.now() + timedelta(minutes=11)):
            response = client.get(reverse("accounts:token-make"))
        assert response.status_code == 302
        assert "/reauthenticate/" in response.url

    def test_a_tenants_token_is_made_on_its_page(self, reseller):
        url = reverse("accounts:tenant-token-make", args=[reseller.tenant.pk])
        response = reseller.client().post(url, self.form())
        assert response.status_code == 200
        token = ApiToken.objects.get()
        assert (token.owner, token.tenant, token.made_by) == (None, reseller.tenant, reseller.user)

    def test_revoking_ends_it_at_once_and_is_audited(self, reseller):
        text = token_text.new_token()
        token = ApiTokenFactory(owner=None, tenant=reseller.tenant, text=text)
        response = reseller.client().post(
            reverse("accounts:token-revoke", args=[token.pk]), {"back": "tenant"}
        )
        assert response.url == reverse("accounts:tenant-token-list", args=[reseller.tenant.pk])
        with pytest.raises(TokenUnusable, match="revoked"):
            find_token(text)
        assert Entry.objects.filter(action="token.revoke", outcome="done", actor=reseller.user).exists()

    def test_tokens_of_others_cannot_be_revoked(self, reseller, outsider, provider):
        for token in (
            ApiTokenFactory(owner=outsider.user),
            ApiTokenFactory(owner=None, tenant=outsider.tenant),
            ApiTokenFactory(owner=provider.user, tenant=reseller.tenant),
        ):
            response = reseller.client().post(reverse("accounts:token-revoke", args=[token.pk]))
            assert response.status_code == 404
            token.refresh_from_db()
            assert token.revoked_at is None

    def test_the_overview_shows_tokens_of_ones_tenants_and_of_those_who_are_there_alone(
        self, reseller, customer, outsider, provider
    ):
        both = MembershipFactory(tenant=reseller.tenant).user
        MembershipFactory(user=both, tenant=outsider.tenant)
        own = [
            ApiTokenFactory(owner=None, tenant=customer.tenant),
            ApiTokenFactory(owner=customer.user),
            ApiTokenFactory(owner=reseller.user),
        ]
        for hidden in (both, outsider.user, provider.user, UserFactory()):
            ApiTokenFactory(owner=hidden)
        ApiTokenFactory(owner=provider.user, tenant=reseller.tenant)
        assert set(list_managed_tokens(access_for(reseller.user))) == set(own)
        assert list_managed_tokens(access_for(provider.user)).count() == 8

    @pytest.mark.parametrize(
        ("state", "expected"),
        [
            ("", {"soon", "old", "new"}),
            ("soon", {"soon"}),
            ("unused", {"old"}),
            ("ended", {"revoked", "expired"}),
        ],
    )
    def test_the_overview_finds_what_ends_soon_and_what_nobody_uses(self, reseller, state, expected):
        now = timezone.now()
        ApiTokenFactory(owner=reseller.user, name="new")
        ApiTokenFactory(owner=reseller.user, name="soon", expires_at=now + timedelta(days=13))
        ApiTokenFactory(owner=reseller.user, name="old", last_used_at=now - timedelta(days=91))
        ApiTokenFactory(owner=reseller.user, name="revoked", revoked_at=now)
        ApiTokenFactory(owner=reseller.user, name="expired", expires_at=now - timedelta(days=1))
        page = reseller.client().get(reverse("accounts:token-overview"), {"state": state})
        assert {token.name for token in page.context["page"]} == expected

    def test_the_overview_costs_the_same_for_3_tokens_as_for_30(self, reseller):
        client = reseller.client()
        counts = []
        for more in (3, 27):
            ApiTokenFactory.create_batch(more, owner=None, tenant=reseller.tenant)
            with CaptureQueriesContext(connection) as queries:
                client.get(reverse("accounts:token-overview"))
            counts.append(len(queries))
        assert counts[0] == counts[1]


@pytest.mark.django_db
def test_who_sees_a_tenant_by_token(provider, reseller, customer, outsider):
    seeing = [
        ApiTokenFactory(owner=None, tenant=provider.tenant),
        ApiTokenFactory(owner=None, tenant=customer.tenant),
        ApiTokenFactory(owner=reseller.user),
        ApiTokenFactory(owner=provider.user, tenant=reseller.tenant),
    ]
    ApiTokenFactory(owner=outsider.user)
    ApiTokenFactory(owner=provider.user, tenant=outsider.tenant)
    ApiTokenFactory(owner=reseller.user, permissions=["server:view"])
    ApiTokenFactory(owner=reseller.user, revoked_at=timezone.now())
    ApiTokenFactory(owner=None, tenant=outsider.tenant)
    left_out = person(reseller.tenant, "viewer")
    ExclusionFactory(membership=left_out.user.memberships.get(), tenant=customer.tenant)
    ApiTokenFactory(owner=left_out.user)
    assert set(list_tokens_seeing(customer.tenant.pk, "device:view")) == set(seeing)
    known = list_tokens_seeing(customer.tenant.pk, "device:view", access=access_for(reseller.user))
    assert set(known) == {seeing[1], seeing[2]}
