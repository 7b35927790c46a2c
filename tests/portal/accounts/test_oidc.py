"""Sign-in through a real OpenID Connect provider that runs beside the tests."""

from datetime import timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import requests
import time_machine
from allauth.socialaccount.models import SocialAccount
from cryptography.fernet import Fernet
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from oidc_provider_mock import User as TheirUser
from oidc_provider_mock import run_server_in_thread

from portal.accounts.models import Invitation, Membership, User
from portal.accounts.second_factor import is_missing
from portal.audit.models import Entry
from tests.factories import InvitationFactory, MembershipFactory, UserFactory, security_key

pytestmark = pytest.mark.django_db
LOGIN = reverse("openid_connect_login", args=["staff"])
SETTINGS = reverse("accounts:settings")


@pytest.fixture(scope="module")
def issuer():
    """A provider at which anybody may claim anything, so that the portal has to look closely."""
    people = [
        TheirUser(sub="known", claims={"email": "known@example.com", "email_verified": True}),
        TheirUser(sub="other", claims={"email": "known@example.com", "email_verified": True}),
        TheirUser(sub="loud", claims={"email": "KNOWN@Example.com", "email_verified": True}),
        TheirUser(sub="unverified", claims={"email": "known@example.com", "email_verified": False}),
        TheirUser(sub="said-yes", claims={"email": "known@example.com", "email_verified": "yes"}),
        TheirUser(sub="silent", claims={"email": "known@example.com"}),
        TheirUser(sub="stranger", claims={"email": "stranger@example.com", "email_verified": True}),
        TheirUser(sub="no-mail", claims={}),
        *(
            TheirUser(
                sub=sub, claims={"email": f"{sub}@example.com", "email_verified": True, "auth_time": at}
            )
            for sub, at in {"long-ago": 1_700_000_000, "not-told": None, "nonsense": "yes"}.items()
        ),
    ]
    with run_server_in_thread(user_claims=people) as server:
        yield f"http://localhost:{server.server_port}"


@pytest.fixture(autouse=True)
def _provider(settings, issuer):
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    app = {
        "provider_id": "staff",
        "name": "Northern Staff",
        "client_id": "perihelion",
        "secret": "a secret of the provider",
        "settings": {"server_url": issuer},
    }
    settings.SOCIALACCOUNT_PROVIDERS = {
        "openid_connect": {"OAUTH_PKCE_ENABLED": True, "AUTH_PARAMS": {"max_age": "600"}, "APPS": [app]}
    }


def come_in(sub, browser=None):
    """Go to the provider, say who one is there, and come back; the browser, and the portal's answer."""
    browser = browser or Client()
    to_provider = browser.get(LOGIN)
    assert "code_challenge=" in to_provider.url
    back = requests.post(to_provider.url, data={"sub": sub}, allow_redirects=False, timeout=10)
    there = urlsplit(back.headers["Location"])
    assert there.path == reverse("openid_connect_callback", args=["staff"])
    return browser, browser.get(f"{there.path}?{there.query}")


def is_signed_in(browser):
    return browser.get(SETTINGS).status_code == 200


@pytest.mark.parametrize("sub", ["known", "loud"])
def test_somebody_known_by_a_verified_address_comes_in(sub):
    user = UserFactory(email="known@example.com")
    browser, answer = come_in(sub)
    assert answer.status_code == 302
    assert is_signed_in(browser)
    assert SocialAccount.objects.get().user == user
    assert Entry.objects.get(action="sign_in", phase="begun").details == {"with": ["OpenID Connect"]}
    again, _ = come_in(sub)
    assert is_signed_in(again)
    assert SocialAccount.objects.count() == 1


@pytest.mark.parametrize("sub", ["unverified", "said-yes", "silent", "no-mail", "stranger"])
def test_nobody_else_comes_in_and_nobody_is_made_up(sub):
    UserFactory(email="known@example.com")
    browser, answer = come_in(sub)
    assert answer.status_code == 403
    assert not is_signed_in(browser)
    assert User.objects.count() == 1
    assert not SocialAccount.objects.exists()
    assert Entry.objects.filter(action="sign_in.failed").exists()


def test_a_second_account_of_the_provider_does_not_take_over_a_sign_in():
    UserFactory(email="known@example.com")
    come_in("known")
    browser, answer = come_in("other")
    assert answer.status_code == 403
    assert not is_signed_in(browser)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_closed_sign_in_stays_closed(when):
    user = UserFactory(email="known@example.com")
    if when == "after":
        come_in("known")
    User.objects.filter(pk=user.pk).update(is_active=False)
    browser, _ = come_in("known")
    assert not is_signed_in(browser)


def test_an_invited_person_comes_in_with_the_role():
    invitation = InvitationFactory(email="stranger@example.com")
    browser, answer = come_in("stranger")
    assert answer.status_code == 302
    assert is_signed_in(browser)
    membership = Membership.objects.get(user__email="stranger@example.com")
    assert (membership.tenant, membership.role) == (invitation.tenant, "viewer")
    assert not membership.user.has_usable_password()
    assert Invitation.objects.get().accepted_by == membership.user


def test_a_second_factor_of_ones_own_is_asked_for_all_the_same():
    security_key(UserFactory(email="known@example.com"))
    browser, answer = come_in("known")
    assert answer.url == reverse("mfa_authenticate")
    assert not is_signed_in(browser)


@pytest.mark.parametrize("counts", [True, False])
def test_whether_the_provider_counts_as_second_factor_is_a_setting(settings, counts, provider):
    settings.OIDC_SECOND_FACTOR = counts
    User.objects.filter(pk=provider.user.pk).update(email="known@example.com")
    provider.tenant.second_factor_rules.create(role="")
    browser, _ = come_in("known")
    assert is_missing(provider.user, browser.session) is not counts


@pytest.mark.parametrize("query", ["", "?code=x", "?code=x&state=forged", "?error=access_denied"])
def test_a_forged_answer_lets_nobody_in(query):
    UserFactory(email="known@example.com")
    browser = Client()
    browser.get(LOGIN)
    answer = browser.get(reverse("openid_connect_callback", args=["staff"]) + query)
    assert answer.status_code < 500
    assert not is_signed_in(browser)


def test_an_answer_is_worth_nothing_in_another_browser():
    UserFactory(email="known@example.com")
    to_provider = Client().get(LOGIN)
    back = requests.post(to_provider.url, data={"sub": "known"}, allow_redirects=False, timeout=10)
    there = urlsplit(back.headers["Location"])
    other = Client()
    other.get(f"{there.path}?{there.query}")
    assert not is_signed_in(other)


def test_a_provider_that_is_away_is_said(settings):
    app = settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"][0]
    app["settings"] = {"server_url": "http://127.0.0.1:1"}
    answer = Client().get(LOGIN)
    assert answer.status_code == 503
    assert "does not answer" in answer.content.decode()


def test_the_sign_in_page_offers_it_by_name_and_tells_no_secret():
    page = Client().get(reverse("account_login")).content.decode()
    assert "Sign in with Northern Staff" in page
    assert "a secret of the provider" not in page


def test_without_a_provider_there_is_no_such_address(settings):
    settings.SOCIALACCOUNT_PROVIDERS = {}
    assert Client().get(LOGIN).status_code == 404
    assert "Sign in with Northern" not in Client().get(reverse("account_login")).content.decode()


def test_who_has_no_password_proves_himself_at_the_provider_again():
    InvitationFactory(email="stranger@example.com")
    browser, _ = come_in("stranger")
    danger = reverse("mfa_activate_totp")
    with time_machine.travel(timezone.now() + timedelta(minutes=11)):
        asked = browser.get(danger)
        assert asked.url == f"{LOGIN}?{urlencode({'next': danger})}"
        to_provider = browser.get(asked.url)
        back = requests.post(to_provider.url, data={"sub": "stranger"}, allow_redirects=False, timeout=10)
        there = urlsplit(back.headers["Location"])
        assert browser.get(f"{there.path}?{there.query}").url == danger
        assert browser.get(danger).status_code == 200


def test_who_has_no_password_has_none_to_change():
    InvitationFactory(email="stranger@example.com")
    browser, _ = come_in("stranger")
    answer = browser.get(reverse("account_change_password"), follow=True)
    assert "without a password" in answer.content.decode()


@pytest.mark.parametrize("sub", ["long-ago", "not-told", "nonsense"])
def test_a_session_that_is_open_at_the_provider_is_no_fresh_proof(sub):
    """Nor does it lead in circles: who has nothing else to prove himself with is told what to do."""
    user = MembershipFactory(role="owner", user__email=f"{sub}@example.com").user
    user.set_unusable_password()
    user.save()
    browser, _ = come_in(sub)
    invite = reverse("accounts:person-invite")
    asked = browser.get(invite)
    assert asked.url == reverse("accounts:proof-needed")
    page = browser.get(asked.url)
    assert page.status_code == 403
    assert "auth_time" in page.content.decode()
    assert browser.get(reverse("mfa_activate_totp")).status_code == 200
    with time_machine.travel(timezone.now() + timedelta(minutes=11)):
        assert browser.get(reverse("mfa_activate_totp")).url.startswith(LOGIN)
        assert browser.get(asked.url).url == reverse("accounts:security")


def test_who_has_a_password_gives_it_where_the_provider_tells_no_time():
    MembershipFactory(role="owner", user__email="not-told@example.com")
    browser, _ = come_in("not-told")
    asked = browser.get(reverse("accounts:person-invite"))
    assert asked.url.startswith(reverse("account_reauthenticate"))
    assert browser.post(asked.url, {"password": "correct horse battery"}).status_code == 302
    assert browser.get(reverse("accounts:person-invite")).status_code == 200


def test_the_address_decides_nothing_of_what_the_provider_is_asked():
    asked = {"auth_params": "max_age=99999999", "process": "connect", "scope": "offline", "next": "/jobs/"}
    browser = Client()
    to_provider = browser.get(LOGIN, asked)
    sent = dict(parse_qsl(urlsplit(to_provider.url).query))
    assert (sent["max_age"], set(sent["scope"].split())) == ("600", {"openid", "profile", "email"})
    (state,) = (state for state, *_ in browser.session["socialaccount_states"].values())
    assert (state["process"], state["next"]) == ("login", "/jobs/")
