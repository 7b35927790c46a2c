"""Proofs of who it is, before what is dangerous."""

import re
from datetime import timedelta

import pytest
import time_machine
from cryptography.fernet import Fernet
from django.contrib.sessions.models import Session
from django.http import HttpResponse
from django.urls import include, path, reverse
from django.utils import timezone

from portal.accounts.reauthentication import recently_authenticated
from portal.core.access import signed_in
from tests.cast import Person

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]
PASSWORD = "correct horse battery"
DANGER = "/danger/?of=what"


@signed_in
@recently_authenticated
def danger(request):
    return HttpResponse(f"{request.method} {request.POST.get('note', '')}")


urlpatterns = [path("danger/", danger), path("", include("portal.urls"))]


@pytest.fixture(autouse=True)
def _keys(settings):
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]


@pytest.fixture
def later():
    """Eleven minutes after everybody signed in."""
    with time_machine.travel(timezone.now() + timedelta(minutes=11)):
        yield


@pytest.fixture
def browser(reseller: Person):
    return reseller.client()


def confirm(browser, url, password=PASSWORD):
    return browser.post(url, {"password": password})


def test_a_fresh_sign_in_is_a_proof(browser):
    assert browser.get(DANGER).content == b"GET "


def test_people_come_back_to_where_they_were(browser, later):
    asked = browser.get(DANGER)
    assert asked.url.startswith(reverse("account_reauthenticate"))
    assert confirm(browser, asked.url).url == DANGER
    assert browser.get(DANGER).content == b"GET "


def test_a_wrong_password_proves_nothing(browser, later):
    asked = browser.get(DANGER)
    assert confirm(browser, asked.url, "wrong").status_code == 200
    assert browser.get(DANGER).status_code == 302


def test_a_form_that_was_sent_is_kept_sealed_and_sent_with_one_click(browser, later):
    asked = browser.post(DANGER, {"note": "typed with care"})
    held = Session.objects.get(pk=browser.session.session_key).get_decoded()
    assert "typed with care" not in str(held)

    back = confirm(browser, asked.url)
    assert back.url == reverse("accounts:kept-form")
    page = browser.get(back.url).content.decode()
    assert "typed with care" not in page
    nonce = re.search(r'name="kept_form" value="([^"]+)"', page)[1]
    assert f'action="{DANGER}"' in page

    assert browser.post(DANGER, {"kept_form": nonce}).content == b"POST typed with care"
    assert browser.post(DANGER, {"kept_form": nonce}).status_code == 302


def test_a_kept_form_goes_nowhere_else(browser, later):
    asked = browser.post(DANGER, {"note": "typed"})
    back = confirm(browser, asked.url)
    nonce = re.search(r'name="kept_form" value="([^"]+)"', browser.get(back.url).content.decode())[1]
    assert browser.post("/danger/?of=something-else", {"kept_form": nonce}).status_code == 302


def test_a_kept_form_is_not_kept_for_ever(browser, later):
    back = confirm(browser, browser.post(DANGER, {"note": "typed"}).url)
    with time_machine.travel(timezone.now() + timedelta(minutes=16)):
        assert browser.get(back.url).url == reverse("overview:home")


def test_htmx_goes_to_the_proof_as_a_whole_page_and_says_nothing_was_done(browser, later):
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/settings/?x=1"}
    asked = browser.post(DANGER, {"note": "typed"}, headers=headers)
    assert asked.headers["HX-Redirect"].endswith("?next=%2Fsettings%2F%3Fx%3D1")
    page = browser.get(asked.headers["HX-Redirect"])
    assert "Nothing was done yet" in page.content.decode()


def test_another_site_is_never_come_back_to(browser, later):
    headers = {"HX-Request": "true", "HX-Current-URL": "https://evil.example/settings/"}
    asked = browser.post(DANGER, headers=headers)
    assert "evil" not in asked.headers["HX-Redirect"]


def test_scripts_are_told_in_their_words(browser, later):
    answer = browser.post(DANGER, headers={"Accept": "application/json"})
    assert (answer.status_code, list(answer.json())) == (401, ["problem"])


def test_without_keys_the_page_says_that_nothing_was_kept(browser, later, settings):
    settings.ENCRYPTION_KEYS = []
    asked = browser.post(DANGER, {"note": "typed"})
    assert confirm(browser, asked.url).url == DANGER


def test_a_form_whose_key_is_gone_is_asked_for_again(browser, later, settings):
    back = confirm(browser, browser.post(DANGER, {"note": "typed"}).url)
    nonce = re.search(r'name="kept_form" value="([^"]+)"', browser.get(back.url).content.decode())[1]
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    answer = browser.post(DANGER, {"kept_form": nonce})
    assert (answer.status_code, answer.url) == (302, DANGER)
