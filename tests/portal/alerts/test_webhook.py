"""What is posted to a tenant's webhook: signed, repeated under the same id, and nowhere it may not."""

import hashlib
import hmac
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from portal.alerts import items, sending
from portal.alerts.dispatch import dispatch
from portal.alerts.models import Message, Rules
from portal.alerts.posting import post
from portal.alerts.tasks import KEEP_MESSAGES, retain
from tests.factories import TenantFactory
from tests.marks import marked
from tests.portal.alerts.conftest import become, broken

pytestmark = pytest.mark.django_db
KEY = marked("signing-key")
SECRET = marked("header-secret")


@pytest.fixture
def hook(reseller, receiver):
    return Rules.objects.create(
        tenant=reseller.tenant, hook_url=receiver.url, hook_header="X-Token", hook_secret=SECRET, hook_key=KEY
    )


def turn(item):
    items.evaluate([item.pk])
    dispatch()


def post_due():
    """Posts everything that waits, as if its time had come."""
    Message.objects.filter(state="waiting").update(due_at=timezone.now() - timedelta(seconds=1))
    for pk, _ in sending.list_due():
        sending.deliver(pk, post)


def test_what_opens_and_closes_is_posted_signed(hook, reseller, receiver):
    item = broken(tenant=TenantFactory(parent=reseller.tenant, name="Below"), message="Vault unreachable")
    turn(item)
    post_due()
    become(item, "succeeded")
    turn(item)
    post_due()

    opened, closed = (document["alerts"][0] for document in receiver.documents())
    assert (opened["event"], closed["event"]) == ("opened", "closed")
    assert (opened["message"], opened["tenant"]) == ("Vault unreachable", "Below")
    assert opened["url"].startswith("https://portal.example.com/alerts/")
    headers, body = receiver.got[0]
    assert headers["X-Token"] == SECRET
    at, _, given = headers["X-Perihelion-Signature"].removeprefix("t=").partition(",v1=")
    assert given == hmac.new(KEY.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()


def test_what_opens_and_closes_within_quiet_hours_is_not_posted_at_their_end(hook, reseller, receiver):
    now = timezone.now()
    hook.quiet_from, hook.quiet_until = ((now + timedelta(hours=hours)).time() for hours in (-1, 1))
    hook.time_zone = "UTC"
    hook.save()
    passes, stays = broken(tenant=reseller.tenant), broken(tenant=reseller.tenant)
    turn(stays)
    turn(passes)
    become(passes, "succeeded")
    turn(passes)
    post_due()

    (document,) = receiver.documents()
    assert [(one["event"], one["id"]) for one in document["alerts"]] == [("opened", stays.alert.pk)]


def test_a_closing_is_posted_however_long_ago_the_opening_was(hook, reseller, receiver):
    item = broken(tenant=reseller.tenant)
    turn(item)
    post_due()
    Message.objects.update(created_at=timezone.now() - KEEP_MESSAGES - timedelta(days=1))
    retain()
    become(item, "succeeded")
    turn(item)
    post_due()
    retain()

    assert [one["event"] for document in receiver.documents() for one in document["alerts"]] == [
        "opened",
        "closed",
    ]
    assert Message.objects.count() == 1


def test_a_thousand_that_open_together_are_one_post(hook, reseller, receiver):
    device = broken(tenant=reseller.tenant).device
    items.evaluate([broken(device=device).pk for _ in range(1000)])
    dispatch()
    post_due()

    (document,) = receiver.documents()
    assert len(document["alerts"]) == 1000


def test_foreign_alerts_are_not_posted(hook, outsider, receiver):
    turn(broken(tenant=outsider.tenant))
    turn(broken(tenant=hook.tenant.parent))
    post_due()

    assert receiver.got == []


def test_a_suspended_tenant_gets_none(hook, reseller, receiver):
    turn(broken(tenant=reseller.tenant))
    type(reseller.tenant).objects.filter(pk=reseller.tenant.pk).update(is_suspended=True)
    post_due()

    assert receiver.got == []
    assert Message.objects.get().state == "dropped"


def test_a_refused_post_is_repeated_under_the_same_id(hook, reseller, receiver):
    turn(broken(tenant=reseller.tenant))
    receiver.status = 503
    post_due()
    assert Message.objects.get().answer == "It answered 503."
    receiver.status = 200
    post_due()
    post_due()

    ids = [headers["X-Perihelion-Delivery"] for headers, _ in receiver.got]
    assert len(ids) == 2
    assert len(set(ids)) == 1
    message = Message.objects.get()
    assert (message.state, message.attempts, message.told) == ("sent", 2, 1)


def test_a_redirect_is_not_followed(hook, reseller, receiver):
    turn(broken(tenant=reseller.tenant))
    receiver.status = 302
    post_due()

    assert Message.objects.get().answer == "It answered 302."


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://169.254.169.254/latest", "never contacted"),
        ("http://10.0.0.1/", "private network"),
        ("http://no-such-host.invalid/", "no address"),
        ("http://127.0.0.1:1/", "Nobody answers"),
    ],
)
def test_an_address_that_may_not_be_is_not_contacted(hook, reseller, url, said):
    Rules.objects.update(hook_url=url)
    turn(broken(tenant=reseller.tenant))
    post_due()

    message = Message.objects.get()
    assert message.state == "waiting"
    assert said in message.answer


def test_a_post_whose_process_died_is_sent_by_the_next(hook, reseller, receiver):
    turn(broken(tenant=reseller.tenant))
    Message.objects.update(due_at=timezone.now())
    assert sending.claim(Message.objects.get().pk) is not None  # and is killed
    Message.objects.update(claimed_at=timezone.now() - timedelta(minutes=11))
    sending.take_up_abandoned()
    post_due()

    assert len(receiver.got) == 1


def test_a_test_is_posted_and_shown(hook, reseller, receiver):
    client = reseller.client()
    client.post(reverse("alerts:hook-test", args=[reseller.tenant.pk]))
    post_due()

    assert receiver.documents()[0]["test"] is True
    page = client.get(reverse("alerts:rules-detail", args=[reseller.tenant.pk])).content.decode()
    assert "Answered 200" in page
