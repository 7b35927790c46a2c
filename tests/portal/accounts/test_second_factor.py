"""Who must have a second factor, what he meets without one, and help for who lost his."""

from uuid import uuid4

import pytest
from cryptography.fernet import Fernet
from django.core import mail
from django.urls import reverse
from django.urls.converters import UUIDConverter

from portal.accounts.access import access_for
from portal.accounts.factors import SECOND_FACTOR, has_second_factor
from portal.accounts.models import SecondFactorRule
from portal.accounts.second_factor import is_missing, may_secure, may_take_back
from portal.audit.models import Entry
from portal.tenants.models import Tenant
from portal.tenants.services import move_tenant
from tests.cast import Person, person
from tests.codes import app_code
from tests.factories import CustomRoleFactory, MembershipFactory, TenantFactory, provider_tenant, security_key
from tests.portal.accounts.test_factors import set_up_app
from tests.test_conventions import url_patterns

pytestmark = pytest.mark.django_db
RULES = reverse("accounts:factor-rules")
NEEDED = reverse("accounts:factor-needed")


@pytest.fixture(autouse=True)
def _keys(settings):
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]


def rule(tenant, role=""):
    return SecondFactorRule.objects.create(tenant=tenant, role=role)


@pytest.mark.parametrize(
    ("where", "role", "is_for"),
    [
        ("own", "", True),
        ("own", "admin", True),
        ("own", "viewer", False),
        ("above", "", True),
        ("above", "admin", True),
        ("above", "viewer", False),
        ("below", "", False),
        ("beside", "", False),
    ],
)
def test_a_rule_is_for_its_tenant_and_everything_below(reseller, outsider, where, role, is_for):
    tenants = {
        "own": reseller.tenant,
        "above": provider_tenant(),
        "below": TenantFactory(parent=reseller.tenant),
        "beside": outsider.tenant,
    }
    rule(tenants[where], role)
    assert is_missing(reseller.user, {}) is is_for
    assert is_missing(reseller.user, {SECOND_FACTOR: True}) is False


@pytest.mark.parametrize(("held", "is_for"), [("this", True), ("another", False), ("built-in", False)])
def test_a_rule_of_a_custom_role_is_for_its_holders_alone(reseller, held, is_for):
    role = CustomRoleFactory(tenant=reseller.tenant, name="Night shift")
    another = CustomRoleFactory(tenant=reseller.tenant, name="Day shift")
    below = TenantFactory(parent=reseller.tenant)
    columns = {
        "this": {"role": "", "custom_role": role},
        "another": {"role": "", "custom_role": another},
        "built-in": {"role": "viewer"},
    }
    membership = MembershipFactory(tenant=below, **columns[held])
    reseller.client().post(RULES, {"tenant": reseller.tenant.pk, "role": f"custom-{role.pk}"})
    assert SecondFactorRule.objects.get().who == "Night shift"
    assert is_missing(membership.user, {}) is is_for
    assert not is_missing(reseller.user, {})


def test_tenants_whose_numbers_begin_alike_are_not_mixed_up(reseller):
    first = TenantFactory()
    Tenant.objects.filter(pk=reseller.tenant.pk).update(path=f"/1/{first.pk}7/")
    Tenant.objects.filter(pk=first.pk).update(path=f"/1/{first.pk}/")
    rule(first)
    assert not is_missing(reseller.user, {})


def test_nothing_but_setting_it_up_is_reachable(reseller):
    browser = reseller.client()
    rule(reseller.tenant)
    open_names = set()
    for name, pattern in url_patterns():
        converters = getattr(pattern.pattern, "converters", {}) or {"uidb36": None, "key": None}
        args = [uuid4() if isinstance(one, UUIDConverter) else 1 for one in converters.values()]
        args = args[: pattern.pattern.regex.groups]
        if getattr(pattern.callback, "permission", "") == "public" or name.startswith("api:"):
            continue  # no session opens the API
        answer = browser.get(reverse(name, args=args))
        if not (answer.status_code == 302 and answer.url == NEEDED):
            open_names.add(name)
        browser.force_login(reseller.user)
    assert open_names == {
        "accounts:factor-needed",
        "account_logout",
        "account_reauthenticate",
        "mfa_reauthenticate",
        "mfa_reauthenticate_webauthn",
        "mfa_activate_totp",
        "mfa_add_webauthn",
        "mfa_view_recovery_codes",
    }


def test_posts_htmx_and_scripts_are_held_back_too(reseller):
    browser = reseller.client()
    rule(reseller.tenant)
    assert browser.post(reverse("accounts:settings"), {"name": "x"}).url == NEEDED
    answer = browser.get(reverse("jobs:job-list"), headers={"HX-Request": "true"})
    assert answer.headers["HX-Redirect"] == NEEDED
    answer = browser.get(reverse("jobs:job-list"), headers={"Accept": "application/json"})
    assert answer.status_code == 403


@pytest.mark.django_db(transaction=True)
def test_setting_it_up_opens_the_portal(reseller):
    browser = reseller.client()
    rule(reseller.tenant)
    assert "Use an app on my phone" in browser.get(NEEDED).content.decode()
    set_up_app(browser)
    assert browser.get(reverse("accounts:settings")).status_code == 200
    assert browser.get(NEEDED).url == reverse("overview:home")


def test_a_session_from_before_is_confirmed_with_the_factor_there_is(reseller):
    seed, _ = set_up_app(reseller.client())
    rule(reseller.tenant)
    browser = reseller.client()
    assert "Confirm with it" in browser.get(NEEDED).content.decode()
    answer = browser.post(reverse("mfa_reauthenticate"), {"code": app_code(seed), "next": "/"})
    assert answer.url == "/"
    assert browser.get(reverse("accounts:settings")).status_code == 200


def test_a_rule_is_made_and_taken_back_on_its_page(reseller):
    browser = reseller.client()
    browser.post(RULES, {"tenant": reseller.tenant.pk, "role": "customer"})
    made = SecondFactorRule.objects.get()
    assert (made.tenant, made.role, made.created_by) == (reseller.tenant, "customer", reseller.user)
    browser.post(RULES, {"tenant": reseller.tenant.pk, "role": "customer"})
    assert SecondFactorRule.objects.count() == 1
    assert "Customer" in browser.get(RULES).content.decode()
    browser.post(reverse("accounts:factor-rule-remove", args=[made.pk]))
    assert not SecondFactorRule.objects.exists()
    told = Entry.objects.filter(action="factor.rule", phase="ended", outcome="done").order_by("pk")
    asked, again, taken_back = [entry.details for entry in told]
    assert asked == {"changes": [{"field": "needed", "before": "no", "after": "yes"}]}
    assert again == {}
    assert taken_back == {"changes": [{"field": "needed", "before": "yes", "after": "no"}]}


class TestARuleFromAbove:
    @pytest.fixture
    def made(self, provider, reseller):
        provider.client().post(RULES, {"tenant": reseller.tenant.pk, "role": "customer"})
        return SecondFactorRule.objects.get()

    def take_back(self, who, made):
        return who.client().post(reverse("accounts:factor-rule-remove", args=[made.pk]), follow=True)

    def test_is_not_taken_back_from_below(self, provider, reseller, made):
        page = reseller.client().get(RULES).content.decode()
        assert "set further up" in page
        assert provider.user.name not in page
        assert reverse("accounts:factor-rule-remove", args=[made.pk]) not in page
        assert "was set further up" in self.take_back(reseller, made).content.decode()
        assert SecondFactorRule.objects.get() == made
        assert Entry.objects.get(action="factor.rule", outcome="refused").actor == reseller.user

    def test_is_taken_back_by_who_set_it(self, provider, made):
        assert "Remove the rule" in provider.client().get(RULES).content.decode()
        self.take_back(provider, made)
        assert not SecondFactorRule.objects.exists()

    def test_may_be_one_that_was_there(self, provider, reseller):
        for who in (reseller, provider, reseller):
            who.client().post(RULES, {"tenant": reseller.tenant.pk, "role": "customer"})
        self.take_back(reseller, SecondFactorRule.objects.get())
        assert SecondFactorRule.objects.get().created_by == provider.user

    def test_is_held_from_the_new_place_once_its_tenant_moved(self, provider, reseller, outsider):
        moved = TenantFactory(parent=reseller.tenant)
        inside = person(moved, "admin")
        reseller.client().post(RULES, {"tenant": moved.pk, "role": "everybody"})
        made = SecondFactorRule.objects.get()
        move_tenant(moved, parent=outsider.tenant, access=access_for(provider.user), actor=provider.user)
        made.refresh_from_db()
        assert not may_take_back(access_for(inside.user), made)
        assert may_take_back(access_for(outsider.user), made)

    def test_is_held_from_above_however_narrow_the_switcher_is(self, provider, reseller):
        browser = provider.client()
        browser.post(reverse("tenants:tenant-switch"), {"tenant": reseller.tenant.pk})
        browser.post(RULES, {"tenant": reseller.tenant.pk, "role": "customer"})
        self.take_back(reseller, SecondFactorRule.objects.get())
        assert SecondFactorRule.objects.exists()


@pytest.mark.parametrize("data", [{"tenant": "0"}, {"tenant": "abc"}, {"role": "emperor"}])
def test_a_rule_that_cannot_be_is_refused_at_its_field(reseller, data):
    answer = reseller.client().post(RULES, {"tenant": reseller.tenant.pk, "role": "everybody"} | data)
    assert answer.status_code == 422
    assert set(answer.context["form"].errors) == set(data)


def test_nobody_makes_or_takes_back_rules_of_others(reseller, outsider):
    above, beside = rule(provider_tenant()), rule(outsider.tenant)
    browser = reseller.client()
    session = browser.session
    session[SECOND_FACTOR] = True
    session.save()
    for foreign in (above, beside):
        assert browser.post(reverse("accounts:factor-rule-remove", args=[foreign.pk])).status_code == 404
    assert browser.post(RULES, {"tenant": outsider.tenant.pk, "role": "everybody"}).status_code == 422
    page = browser.get(RULES).content.decode()
    assert "asked for by a tenant above" in page
    assert provider_tenant().name not in page.split('id="content"')[1]


def test_the_list_says_who_has_which_factor_and_who_has_none(provider, reseller):
    security_key(reseller.user)
    browser = provider.client()
    page = browser.get(reverse("accounts:person-list")).content.decode()
    assert "Passkey or security key" in page
    page = browser.get(reverse("accounts:person-list"), {"without_factor": "on"}).content.decode()
    assert reseller.user.email not in page
    assert provider.user.email in page.split('id="person-table"')[1]


def test_factors_are_reset_by_who_holds_everything_their_person_holds(provider, reseller):
    security_key(reseller.user)
    theirs = reseller.client()
    provider.client().post(reverse("accounts:person-factors-reset", args=[reseller.user.pk]))
    assert not has_second_factor(reseller.user)
    assert theirs.get(reverse("accounts:settings")).status_code == 302
    assert [message.to for message in mail.outbox] == [[reseller.user.email]]
    entry = Entry.objects.get(action="factor.reset", phase="ended")
    assert entry.details["factors"] == ["Passkey or security key"]


def test_nobody_resets_factors_of_who_reaches_further(reseller):
    two = MembershipFactory(tenant=reseller.tenant, role="viewer").user
    MembershipFactory(user=two, tenant=provider_tenant(), role="viewer")
    security_key(two)
    reseller.client().post(reverse("accounts:person-factors-reset", args=[two.pk]))
    assert has_second_factor(two)
    assert not may_secure(access_for(reseller.user), two)
    assert Entry.objects.get(action="factor.reset", phase="ended").outcome == "refused"


def test_nobody_resets_his_own_this_way(reseller):
    security_key(reseller.user)
    reseller.client().post(reverse("accounts:person-factors-reset", args=[reseller.user.pk]))
    assert has_second_factor(reseller.user)


def test_an_administrator_signs_a_person_out(reseller):
    staff = person(reseller.tenant, "viewer")
    theirs = staff.client()
    reseller.client().post(reverse("accounts:person-sessions-end", args=[staff.user.pk]))
    assert theirs.get(reverse("accounts:settings")).status_code == 302


def test_a_persons_page_part_says_what_there_is(reseller):
    staff = person(reseller.tenant, "viewer")
    security_key(staff.user, "Blue key")
    staff.client()
    url = reverse("accounts:person-security", args=[staff.user.pk])
    page = reseller.client().get(url).content.decode()
    assert "Blue key" in page
    assert "Reset second factors" in page
    assert Person(staff.user, reseller.tenant).client().get(url).status_code == 403
