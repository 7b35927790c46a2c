"""What people were refused is in the audit, and repeating it does not fill it."""

from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.signals import user_login_failed
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone

from portal.accounts.models import User
from portal.audit.models import Entry, Repeat
from portal.audit.repeats import close_over
from portal.audit.tasks import sweep
from tests.factories import InvitationFactory, UserFactory

pytestmark = pytest.mark.django_db
FROM = "192.0.2.66"


def begun(action):
    return Entry.objects.filter(action=action, begun=None)


def fail(email="nobody@example.com", ip=FROM):
    request = RequestFactory().post("/", REMOTE_ADDR=ip)
    user_login_failed.send(User, credentials={"email": email}, request=request)


@pytest.fixture
def clock():
    with time_machine.travel(timezone.now(), tick=False) as traveller:
        yield traveller


def test_a_thousand_failed_sign_ins_are_one_action_a_minute(clock):
    for minute in range(3):
        for _ in range(1000):
            fail()
        assert begun("sign_in.failed").count() == minute + 1
        clock.shift(timedelta(seconds=61))
    sweep()

    ends = Entry.objects.filter(action="sign_in.failed", begun__isnull=False)
    assert [(end.outcome, end.details) for end in ends] == [("refused", {"times": 1000})] * 3
    assert not Repeat.objects.exists()


def test_somebody_else_signs_in_meanwhile(clock, settings):
    user = UserFactory()
    for _ in range(100):
        fail(user.email)

    data = {"login": user.email, "password": "correct horse battery"}
    response = Client().post(reverse("account_login"), data, REMOTE_ADDR="192.0.2.1")

    assert response.status_code == 302
    assert Entry.objects.filter(action="sign_in", outcome="done", actor=user).exists()


def test_one_failure_is_told_at_once_and_ends_without_a_count(clock):
    fail()
    assert begun("sign_in.failed").count() == 1
    clock.shift(timedelta(seconds=61))

    assert (close_over(), close_over()) == (1, 0)
    assert Entry.objects.get(action="sign_in.failed", begun__isnull=False).details == {}


def test_each_address_and_tenant_is_counted_by_itself(clock, reseller, outsider):
    for email in (reseller.user.email, outsider.user.email, "nobody@example.com", "another@example.com"):
        fail(email)
    fail(ip="192.0.2.67")
    fail(ip="2001:db8:1:2::1")
    fail(ip="2001:db8:1:2::2")  # the same customer of a provider

    found = [(entry.tenant_id, entry.ip_address) for entry in begun("sign_in.failed").order_by("pk")]
    assert found == [
        (reseller.tenant.pk, FROM),
        (outsider.tenant.pk, FROM),
        (None, FROM),
        (None, "192.0.2.67"),
        (None, "2001:db8:1:2::1"),
    ]


def test_who_was_tried_is_told_and_never_what_was_typed(clock, reseller):
    other = UserFactory(email="bea@example.com", name="Bea")
    from tests.factories import MembershipFactory

    MembershipFactory(user=other, tenant=reseller.tenant)
    fail(reseller.user.email)
    fail(other.email)
    fail("hunter2")
    clock.shift(timedelta(seconds=61))
    close_over()

    assert "Bea <bea@example.com>" in str(list(Entry.objects.values_list("details", flat=True)))
    assert "hunter2" not in str(list(Entry.objects.values()))


def test_a_change_that_is_refused_is_told(customer, reseller):
    browser = customer.client()
    membership = reseller.user.memberships.get()
    for _ in range(3):
        response = browser.post(reverse("accounts:membership-remove", args=[membership.pk]))
        assert response.status_code == 403

    entry = begun("request.refused").get()
    assert (entry.actor, entry.tenant_id) == (customer.user, customer.tenant.pk)
    assert entry.details == {"asked_for": "accounts:membership-remove", "pk": membership.pk}
    assert Repeat.objects.get().times == 3


def test_looking_at_what_is_not_allowed_is_no_attempt(customer):
    assert customer.client().get(reverse("audit:entry-list")).status_code == 403
    assert not begun("request.refused").exists()


def test_a_post_without_its_token_is_told(db):
    response = Client(enforce_csrf_checks=True).post(reverse("account_login"), REMOTE_ADDR=FROM)

    assert response.status_code == 403
    entry = begun("request.refused").get()
    assert (entry.actor_label, entry.ip_address) == ("Somebody", FROM)


def test_an_invitation_that_lets_nobody_in_is_told_and_its_token_is_not(client):
    url = reverse("accounts:invitation-accept", args=["a-forged-token"])
    assert client.get(url).status_code == 410
    assert client.post(url).status_code == 410

    entry = begun("person.join").get()
    assert entry.details == {"reason": "This invitation link is not known. Ask for a new one."}
    assert "a-forged-token" not in str(list(Entry.objects.values()))


def test_an_expired_invitation_is_told_to_its_tenant(client):
    from portal.accounts.services import digest_of

    invitation = InvitationFactory(
        token_digest=digest_of("known"), expires_at=timezone.now() - timedelta(days=1)
    )
    client.get(reverse("accounts:invitation-accept", args=["known"]))

    assert begun("person.join").get().tenant_id == invitation.tenant_id
