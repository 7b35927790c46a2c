"""Second factors through django-allauth's pages, as a browser uses them."""

import re
from datetime import timedelta
from html import unescape

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from cryptography.fernet import Fernet
from django.contrib.sessions.models import Session
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from portal.accounts.factors import factor_words, has_second_factor
from portal.audit.models import Entry
from tests.codes import app_code
from tests.factories import security_key

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"
SECURITY = reverse("accounts:security")
CONFIRM = reverse("mfa_authenticate")


@pytest.fixture(autouse=True)
def _keys(settings):
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]


def sign_in(email, password=PASSWORD, browser=None):
    browser = browser or Client()
    return browser, browser.post(reverse("account_login"), {"login": email, "password": password})


def set_up_app(browser):
    """Give the person of `browser` an authenticator app; its seed, and the recovery codes."""
    page = browser.get(reverse("mfa_activate_totp")).content.decode()
    seed = re.search(r'class="totp-key">([A-Z2-7]+)<', page)[1]
    answer = browser.post(reverse("mfa_activate_totp"), {"code": app_code(seed)})
    assert answer.url == reverse("mfa_view_recovery_codes")
    codes = re.findall(r"^\d{8}$", shown(browser), re.M)
    return seed, codes


def shown(browser):
    page = browser.get(reverse("mfa_view_recovery_codes")).content.decode()
    found = re.search(r"<textarea[^>]*>(.*?)</textarea>", page, re.S)
    return unescape(found[1]) if found else ""


def actions():
    return list(Entry.objects.filter(phase="ended").order_by("pk").values_list("action", flat=True))


@pytest.mark.django_db(transaction=True)
def test_an_app_is_set_up_and_asked_for_at_the_next_sign_in(reseller):
    seed, codes = set_up_app(reseller.client())
    assert len(codes) == 10
    with time_machine.travel(timezone.now() + timedelta(minutes=5)):
        browser, answer = sign_in(reseller.user.email)
        assert answer.url == CONFIRM
        assert browser.get(SECURITY).status_code == 302
        assert browser.post(CONFIRM, {"code": app_code(seed)}).status_code == 302
        page = browser.get(SECURITY).content.decode()
    assert "Authenticator app" in page
    assert seed not in page
    assert "factor.add" in actions()
    assert actions()[-2:] == ["factor.use", "sign_in"]


@pytest.mark.parametrize("credential", ["{}", "[]", '{"id": 1}', '{"id": "a", "rawId": "a", "response": {}}'])
def test_a_forged_key_is_not_added(reseller, credential):
    browser = reseller.client()
    browser.get(reverse("mfa_add_webauthn"))
    answer = browser.post(reverse("mfa_add_webauthn"), {"name": "Mine", "credential": credential})
    assert answer.context["form"].errors
    assert not Authenticator.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_the_seed_is_nowhere_in_the_clear(reseller):
    browser = reseller.client()
    page = browser.get(reverse("mfa_activate_totp")).content.decode()
    seed = re.search(r'class="totp-key">([A-Z2-7]+)<', page)[1]
    assert seed not in str([session.get_decoded() for session in Session.objects.all()])
    browser.post(reverse("mfa_activate_totp"), {"code": app_code(seed)})
    stored = str(list(Authenticator.objects.values())) + str(list(Entry.objects.values()))
    assert seed not in stored
    assert "totp_pending" not in str([session.get_decoded() for session in Session.objects.all()])


def test_the_picture_passes_the_content_security_policy(reseller):
    answer = reseller.client().get(reverse("mfa_activate_totp"))
    assert 'src="data:image/svg+xml;base64,' in answer.content.decode()
    policy = answer.headers["Content-Security-Policy"]
    assert "img-src 'self' data:" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize("spelled", ["{}{}", "{} {}", "{}-{}", "{}{}."])
def test_a_code_is_taken_once_however_it_is_typed(reseller, spelled):
    seed, _ = set_up_app(reseller.client())
    whole_period = timezone.now().replace(second=0) + timedelta(minutes=5)
    with time_machine.travel(whole_period, tick=False):
        code = app_code(seed)
        first, _ = sign_in(reseller.user.email)
        assert first.post(CONFIRM, {"code": code}).status_code == 302
        second, _ = sign_in(reseller.user.email)
        answer = second.post(CONFIRM, {"code": code})
        assert answer.status_code == 200
    with time_machine.travel(whole_period + timedelta(seconds=31), tick=False):
        answer = second.post(CONFIRM, {"code": spelled.format(code[:3], code[3:])})
        assert "used already" in answer.content.decode()


@pytest.mark.parametrize("periods", [-1, 1])
def test_a_clock_that_is_off_by_half_a_minute_does_not_matter(reseller, periods):
    seed, _ = set_up_app(reseller.client())
    with time_machine.travel(timezone.now() + timedelta(minutes=5), tick=False):
        browser, _ = sign_in(reseller.user.email)
        assert browser.post(CONFIRM, {"code": app_code(seed, periods=periods)}).status_code == 302


@pytest.mark.parametrize("code", ["000000", "", "x" * 5000, "12 34"])
def test_a_wrong_code_lets_nobody_in(reseller, code):
    set_up_app(reseller.client())
    browser, _ = sign_in(reseller.user.email)
    answer = browser.post(CONFIRM, {"code": code})
    assert answer.status_code == 200
    assert answer.context["form"].errors["code"]
    assert browser.get(SECURITY).status_code == 302


def test_codes_cannot_be_guessed_one_after_the_other(reseller):
    seed, _ = set_up_app(reseller.client())
    with time_machine.travel(timezone.now() + timedelta(minutes=10), tick=False):
        browser, _ = sign_in(reseller.user.email)
        for n in range(6):
            browser.post(CONFIRM, {"code": f"00000{n}"})
        answer = browser.post(CONFIRM, {"code": app_code(seed)})
    assert answer.status_code == 200
    assert Entry.objects.filter(action="factor.fail").exists()  # counted, ended when its minute is over


def test_a_recovery_code_lets_in_once(reseller):
    _, codes = set_up_app(reseller.client())
    browser, _ = sign_in(reseller.user.email)
    assert browser.post(CONFIRM, {"code": codes[0]}).status_code == 302
    assert browser.get(SECURITY).status_code == 200
    assert "factor.recovery_code" in actions()
    again, _ = sign_in(reseller.user.email)
    assert again.post(CONFIRM, {"code": codes[0]}).status_code == 200


def test_recovery_codes_are_shown_once_and_sealed(reseller):
    browser = reseller.client()
    _, codes = set_up_app(browser)
    assert codes[0] not in shown(browser)
    assert codes[0] not in str(list(Authenticator.objects.values()))


def test_new_recovery_codes_replace_the_old(reseller):
    browser = reseller.client()
    _, old = set_up_app(browser)
    browser.post(reverse("mfa_generate_recovery_codes"))
    assert not set(old) & set(re.findall(r"^\d{8}$", shown(browser), re.M))
    other, _ = sign_in(reseller.user.email)
    assert other.post(CONFIRM, {"code": old[0]}).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_other_sessions_end_when_a_first_factor_comes_or_one_goes(reseller):
    here, there = reseller.client(), reseller.client()
    set_up_app(here)
    assert there.get(SECURITY).status_code == 302
    assert here.get(SECURITY).status_code == 200

    there = reseller.client()
    here.post(reverse("mfa_deactivate_totp"))
    assert there.get(SECURITY).status_code == 302
    assert here.get(SECURITY).status_code == 200
    assert not has_second_factor(reseller.user)
    assert not Authenticator.objects.exists()


def test_a_factor_is_not_touched_without_a_recent_proof(reseller):
    browser = reseller.client()
    set_up_app(browser)
    with time_machine.travel(timezone.now() + timedelta(minutes=11)):
        for name in ("mfa_deactivate_totp", "mfa_generate_recovery_codes", "mfa_add_webauthn"):
            assert "reauthenticate" in browser.post(reverse(name)).url
    assert has_second_factor(reseller.user)


@pytest.mark.django_db(transaction=True)
def test_the_person_is_told_by_mail(reseller):
    set_up_app(reseller.client())
    [message] = mail.outbox
    assert message.to == [reseller.user.email]
    assert message.subject == "Perihelion: Authenticator App Activated"


def test_nobody_removes_the_key_of_another(reseller, outsider):
    key = security_key(outsider.user)
    for name in ("mfa_remove_webauthn", "mfa_edit_webauthn"):
        assert reseller.client().post(reverse(name, args=[key.pk])).status_code == 404


def test_without_the_encryption_key_a_code_is_refused_in_words(reseller, settings):
    set_up_app(reseller.client())
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    browser, _ = sign_in(reseller.user.email)
    answer = browser.post(CONFIRM, {"code": "123456"})
    assert "encryption key is missing" in answer.content.decode()


def test_without_the_encryption_key_no_app_is_set_up_and_that_is_said(reseller, settings):
    browser = reseller.client()
    browser.get(reverse("mfa_activate_totp"))
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    answer = browser.post(reverse("mfa_activate_totp"), {"code": "123456"})
    assert answer.status_code == 503
    settings.ENCRYPTION_KEYS = []
    answer = browser.get(reverse("mfa_activate_totp"))
    assert answer.status_code == 503
    assert "ENCRYPTION_KEYS is not set" in answer.content.decode()
    assert not has_second_factor(reseller.user)


@pytest.mark.parametrize("credential", ["", "{}", "[]", '{"id": 1}', "nonsense"])
def test_a_forged_passkey_lets_nobody_in(reseller, credential):
    browser = Client()
    browser.get(reverse("mfa_login_webauthn"), headers={"Accept": "application/json"})
    answer = browser.post(reverse("mfa_login_webauthn"), {"credential": credential})
    assert answer.url == reverse("account_login")
    assert browser.get(SECURITY).status_code == 302


def test_kinds_of_factor_are_named_once():
    assert factor_words(["webauthn", "webauthn", "recovery_codes"]) == ["Passkey or security key"]
