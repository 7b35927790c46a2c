"""Invitations of people who are here already, their mail, and what they tell nobody."""

import smtplib
from datetime import timedelta

import pytest
import time_machine
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from portal.accounts import services
from portal.accounts.access import access_for
from portal.accounts.errors import InvitationUnusable, RoleRefused
from portal.accounts.grants import RoleChoice
from portal.accounts.models import Invitation, Membership
from portal.accounts.services import INVITATION_LIFETIME
from portal.audit.models import Entry
from portal.tenants.trash import purge_tenant, trash_tenant
from tests.factories import MembershipFactory, UserFactory
from tests.portal.accounts.test_views import PASSWORD, invite, link_in

pytestmark = pytest.mark.django_db
RESET = reverse("account_reset_password")


class RefusingBackend(EmailBackend):
    """A mail server that takes nothing."""

    def send_messages(self, messages):
        raise smtplib.SMTPServerDisconnected("away")


def test_the_form_says_the_same_whether_the_address_has_a_sign_in(reseller, outsider):
    with time_machine.travel(timezone.now(), tick=False):
        known = invite(reseller, email=outsider.user.email)
        unknown = invite(reseller, email="nobody@example.com")
    assert known.status_code == unknown.status_code == 200
    said = [
        answer.content.decode().split('id="content"')[1].split("Invitation link")[0]
        for answer in (known, unknown)
    ]
    assert said[0].replace(outsider.user.email, "X") == said[1].replace("nobody@example.com", "X")


def test_somebody_who_is_here_accepts_by_signing_in(reseller, outsider):
    link = link_in(invite(reseller, email=outsider.user.email))
    page = Client().get(link).content.decode()
    assert f"?next={link.removeprefix('http://testserver')}" in page
    theirs = outsider.client()
    assert "Accept" in theirs.get(link).content.decode()
    assert not Membership.objects.filter(user=outsider.user, tenant=reseller.tenant).exists()
    assert theirs.post(link).status_code == 302
    membership = Membership.objects.get(user=outsider.user, tenant=reseller.tenant)
    assert (membership.role, membership.granted_by) == ("viewer", reseller.user)
    assert theirs.get(link).status_code == 410


def test_nobody_accepts_what_is_for_another_address(reseller, outsider):
    link = link_in(invite(reseller))
    theirs = outsider.client()
    assert "another address" in theirs.get(link).content.decode()
    assert theirs.post(link).status_code == 403
    assert Membership.objects.filter(user=outsider.user).count() == 1
    assert Invitation.objects.get().accepted_at is None


def test_a_link_does_not_make_a_second_sign_in_for_an_address(reseller, outsider):
    link = link_in(invite(reseller, email=outsider.user.email))
    answer = Client().post(link, {"name": "Somebody", "password": PASSWORD})
    assert answer.status_code == 422
    assert "Sign in with this address" in answer.content.decode()
    assert Invitation.objects.get().accepted_at is None


@pytest.mark.parametrize(("late", "status"), [(timedelta(minutes=1), 200), (timedelta(minutes=3), 410)])
def test_clocks_may_differ_by_two_minutes(reseller, late, status):
    link = link_in(invite(reseller))
    with time_machine.travel(timezone.now() + INVITATION_LIFETIME + late, tick=False):
        assert Client().get(link).status_code == status


def test_the_link_is_mailed_and_shown(reseller):
    answer = invite(reseller)
    [message] = mail.outbox
    assert message.to == ["new@example.com"]
    assert link_in(answer) in message.body
    assert "It was mailed, too." in answer.content.decode()


@pytest.mark.parametrize(
    ("backend", "said"),
    [
        ("django.core.mail.backends.dummy.EmailBackend", "This portal sends no mail"),
        (f"{__name__}.RefusingBackend", "did not take it"),
    ],
)
def test_where_nothing_was_mailed_the_page_says_so_and_shows_the_link(reseller, settings, backend, said):
    settings.EMAIL_BACKEND = backend
    answer = invite(reseller)
    assert said in answer.content.decode()
    assert link_in(answer)


def test_no_reset_is_promised_where_no_mail_is_sent(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
    for answer in (Client().get(RESET), Client().post(RESET, {"email": "a@example.com"})):
        assert "sends no mail" in answer.content.decode()


@pytest.mark.parametrize("known", [True, False])
def test_a_mail_server_that_is_away_is_said_whether_the_address_is_known_or_not(settings, known):
    settings.EMAIL_BACKEND = f"{__name__}.RefusingBackend"
    email = UserFactory().email if known else "nobody@example.com"
    answer = Client().post(RESET, {"email": email}, follow=True)
    assert "could not be sent" in answer.content.decode()


def reset_link(user):
    Client().post(RESET, {"email": user.email})
    body = mail.outbox[-1].body
    return next(word for word in body.split() if "/password/reset/key/" in word)


def test_a_reset_link_works_once_and_ends_every_session():
    user = UserFactory()
    theirs = Client()
    theirs.force_login(user)
    link = reset_link(user)
    browser = Client()
    form = browser.get(link, follow=True).redirect_chain[-1][0]
    assert browser.post(form, {"password1": PASSWORD, "password2": PASSWORD}).status_code == 302
    user.refresh_from_db()
    assert user.check_password(PASSWORD)
    assert theirs.get(reverse("accounts:settings")).status_code == 302
    assert "no longer works" in Client().get(link, follow=True).content.decode()


def test_too_many_reset_links_are_refused_alike_for_known_and_unknown_addresses():
    """Five a minute for one address, whoever asks from wherever."""
    told = []
    for email in (UserFactory().email, UserFactory(is_active=False).email, "nobody@example.com"):
        before = len(mail.outbox)
        answers = [
            Client(REMOTE_ADDR=f"203.0.113.{number}").post(RESET, {"email": email}, follow=True)
            for number in range(6)
        ]
        assert [answer.status_code for answer in answers] == [200] * 5 + [429]
        assert len(mail.outbox) - before == 5
        page = answers[-1].content.decode()
        assert "for the account you named" in page
        assert email not in page
        told.append([len(answer.content) for answer in answers])
    assert told[0] == told[1] == told[2]


def test_a_closed_sign_in_gets_no_reset_link():
    Client().post(RESET, {"email": UserFactory(is_active=False).email})
    assert not [message for message in mail.outbox if "/password/reset/key/" in message.body]


def test_a_changed_password_ends_other_sessions_and_keeps_this_one(reseller):
    here, there = reseller.client(), reseller.client()
    data = {"oldpassword": "correct horse battery", "password1": PASSWORD, "password2": PASSWORD}
    assert here.post(reverse("account_change_password"), data).status_code == 302
    assert here.get(reverse("accounts:settings")).status_code == 200
    assert there.get(reverse("accounts:settings")).status_code == 302


def test_the_session_gets_a_new_key_at_sign_in(reseller):
    browser = Client()
    browser.get(reverse("account_login"))
    session = browser.session
    session["planted"] = True
    session.save()
    planted = session.session_key
    browser.post(
        reverse("account_login"), {"login": reseller.user.email, "password": "correct horse battery"}
    )
    assert browser.session.session_key != planted


class TestWhatTheInviterMayGive:
    @staticmethod
    def make(who, role="viewer"):
        return services.invite(
            tenant=who.tenant, role=RoleChoice(role), access=access_for(who.user), invited_by=who.user
        )

    def test_a_refused_one_is_in_the_audit(self, reseller):
        with pytest.raises(RoleRefused):
            self.make(reseller, "owner")
        assert Entry.objects.filter(action="person.invite", outcome="refused").count() == 1
        assert not Invitation.objects.exists()

    def test_a_fresh_proof_is_asked_for_as_when_a_role_is_given(self, reseller, settings):
        settings.ACCOUNT_REAUTHENTICATION_TIMEOUT = 0
        answer = reseller.client().get(reverse("accounts:person-invite"))
        assert answer.status_code == 302
        assert answer["Location"].startswith(reverse("account_reauthenticate"))

    def test_those_of_somebody_who_is_gone_let_nobody_in(self, provider, reseller, customer):
        """His role here was taken first, then he went with the tenant of his only other role."""
        inviter = UserFactory()
        here = MembershipFactory(user=inviter, tenant=reseller.tenant, role="admin")
        MembershipFactory(user=inviter, tenant=customer.tenant, role="viewer")
        _, token = services.invite(
            tenant=reseller.tenant,
            role=RoleChoice("viewer"),
            access=access_for(inviter),
            invited_by=inviter,
        )
        here.delete()
        with pytest.raises(InvitationUnusable):
            services.get_invitation(token)
        by_owner = {"access": access_for(provider.user), "actor": provider.user}
        trash_tenant(customer.tenant, **by_owner)
        purge_tenant(customer.tenant, **by_owner)
        assert not type(inviter).objects.filter(pk=inviter.pk).exists()
        with pytest.raises(InvitationUnusable):
            services.get_invitation(token)

    def test_the_first_one_has_no_inviter_and_lets_in(self, provider):
        _, token = services.invite(
            tenant=provider.tenant, role=RoleChoice("owner"), access=None, invited_by=None
        )
        assert services.get_invitation(token).expires_at > timezone.now() + timedelta(days=6)
