"""Sessions: noted, limited, listed, ended."""

from datetime import timedelta

import pytest
import time_machine
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.urls import reverse
from django.utils import timezone

from portal.accounts.sessions import STORE_EVERY, UNATTENDED_HEADER, end_sessions, list_sessions, store_of
from portal.accounts.tasks import sweep_sessions
from portal.audit.models import Entry
from portal.sso.models import Launch
from portal.sso.services import session_digest
from tests.factories import LaunchFactory

pytestmark = pytest.mark.django_db
SETTINGS = reverse("accounts:settings")
LOGIN = reverse("account_login")


def is_signed_in(browser):
    return browser.get(SETTINGS).status_code == 200


def test_every_session_of_a_person_ends_but_the_kept_one(reseller):
    here, there = reseller.client(), reseller.client()
    assert end_sessions(reseller.user, keep=here.session.session_key) == 1
    assert is_signed_in(here)
    assert not is_signed_in(there)
    assert end_sessions(reseller.user) == 1
    assert not is_signed_in(here)
    assert not Session.objects.exists()


def test_sessions_of_others_stay(reseller, outsider):
    other = outsider.client()
    reseller.client()
    end_sessions(reseller.user)
    assert is_signed_in(other)


def test_what_was_opened_at_comet_servers_ends_with_its_session(reseller):
    here, there = reseller.client(), reseller.client()
    stays, ends = (
        LaunchFactory(
            tenant=reseller.tenant,
            user=reseller.user,
            portal_session=session_digest(browser.session.session_key),
            session_key=None,
        )
        for browser in (here, there)
    )
    end_sessions(reseller.user, keep=here.session.session_key)
    stays.refresh_from_db()
    ends.refresh_from_db()
    assert stays.is_live
    assert ends.state == Launch.State.ENDING


@pytest.mark.parametrize("hours", [8.1, 24])
def test_a_session_nobody_used_ends(reseller, hours):
    browser = reseller.client()
    key = browser.session.session_key
    with time_machine.travel(timezone.now() + timedelta(hours=hours)):
        assert browser.get(SETTINGS).url.startswith(LOGIN)
        sweep_sessions()
    assert not UserSession.objects.exists()
    assert not Session.objects.filter(pk=key).exists()


def test_a_session_ends_at_last_however_much_it_is_used(reseller):
    browser = reseller.client()
    began = timezone.now()
    for hour in (6, 11.9):
        with time_machine.travel(began + timedelta(hours=hour)):
            assert is_signed_in(browser)
    with time_machine.travel(began + timedelta(hours=12.1)):
        assert not is_signed_in(browser)


def test_why_a_session_ended_is_audited(reseller, settings):
    settings.SESSION_IDLE_SECONDS = 600
    browser = reseller.client()
    with time_machine.travel(timezone.now() + timedelta(minutes=12)):
        browser.get(SETTINGS)
    assert Entry.objects.filter(action="session.end", details__because="not used for too long").exists()


def test_what_a_page_asks_by_itself_is_no_use(reseller):
    browser = reseller.client()
    began = timezone.now()
    with time_machine.travel(began + timedelta(hours=5)):
        assert browser.get(SETTINGS, headers={UNATTENDED_HEADER: "1"}).status_code == 200
    with time_machine.travel(began + timedelta(hours=9)):
        assert not is_signed_in(browser)


def test_the_use_of_a_session_is_stored_at_most_once_a_minute(reseller, django_assert_num_queries):
    browser = reseller.client()
    browser.get(SETTINGS)
    with time_machine.travel(timezone.now() + timedelta(seconds=STORE_EVERY - 5)):
        seen = UserSession.objects.get().last_seen_at
        browser.get(SETTINGS)
        assert UserSession.objects.get().last_seen_at == seen
    with time_machine.travel(timezone.now() + timedelta(seconds=STORE_EVERY + 5)):
        browser.get(SETTINGS)
        assert UserSession.objects.get().last_seen_at > seen


def test_a_session_from_before_limits_were_kept_is_over(reseller):
    browser = reseller.client()
    session = store_of(browser.session.session_key)
    del session["signed_in_at"]
    session.save()
    assert not is_signed_in(browser)


def test_only_open_sessions_are_listed(reseller):
    first = reseller.client()
    second = reseller.client()
    Session.objects.filter(pk=first.session.session_key).delete()
    assert [row.session_key for row in list_sessions(reseller.user)] == [second.session.session_key]


def test_sign_out_takes_the_session_off_the_list(reseller):
    reseller.client().post(reverse("account_logout"))
    assert list_sessions(reseller.user) == []
    assert not UserSession.objects.exists()
