"""Who is told of what: one mail for all that opens together, once, and only to who may see it."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from portal.accounts.models import Membership
from portal.alerts import items, sending
from portal.alerts.dispatch import dispatch
from portal.alerts.mail import send_mail
from portal.alerts.models import Alert, Message, Notice, Opening, Rules
from tests.factories import TenantFactory
from tests.portal.alerts.conftest import become, broken, wants_mail

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)


@pytest.fixture
def clock(time_machine):
    """A clock that stands until it is moved."""
    time_machine.move_to(NOON, tick=False)
    return time_machine


def pass_by(clock, **span):
    clock.move_to(timezone.now() + timedelta(**span), tick=False)


def turn(*found):
    """What a worker does with items that stand otherwise."""
    items.evaluate([item.pk for item in found])
    dispatch()


def send_due():
    for pk, _ in sending.list_due():
        sending.deliver(pk, send_mail)


def fail(*found):
    for item in found:
        become(item, "failed", "Vault unreachable")
    turn(*found)


def mend(*found):
    for item in found:
        become(item, "succeeded")
    turn(*found)


def test_all_that_opens_within_a_minute_is_one_mail(provider, clock):
    wants_mail(provider)
    turn(*(broken(message="Vault unreachable") for _ in range(40)))
    pass_by(clock, seconds=30)
    turn(broken(message="Vault unreachable"), broken(message="Disk full"))
    send_due()
    assert mail.outbox == []

    pass_by(clock, seconds=31)
    send_due()
    send_due()

    (sent,) = mail.outbox
    assert sent.subject == "Perihelion: 41 devices: Vault unreachable and 1 more cause"
    assert sent.to == [provider.user.email]
    assert "1 device: Disk full" in sent.body
    assert "https://portal.example.com/alerts/" in sent.body
    html, kind = sent.alternatives[0]
    assert kind == "text/html"
    assert "41 devices: Vault unreachable" in html


def test_a_thousand_failures_are_one_mail_per_recipient(provider, reseller, outsider, clock):
    for person in (provider, reseller, outsider):
        wants_mail(person)
    device = broken(tenant=reseller.tenant).device
    found = [broken(device=device) for _ in range(1000)]

    items.evaluate([item.pk for item in found])
    with CaptureQueriesContext(connection) as captured:
        dispatch()
    pass_by(clock, minutes=2)
    send_due()

    assert sorted(sent.to[0] for sent in mail.outbox) == sorted([provider.user.email, reseller.user.email])
    assert Notice.objects.count() == 2000
    assert len(captured) < 100


def test_who_never_chose_and_who_may_not_see_it_get_nothing(provider, outsider, nobody, reseller, clock):
    wants_mail(outsider)
    wants_mail(nobody)
    wants_mail(provider, "off")
    turn(broken(tenant=reseller.tenant))
    pass_by(clock, minutes=2)
    send_due()

    assert mail.outbox == []
    assert Opening.objects.get().opening_told


def test_what_may_not_be_seen_any_more_when_it_leaves_is_left_out(reseller, clock):
    wants_mail(reseller)
    other = TenantFactory(parent=reseller.tenant, name="Kept")
    gone, kept = broken(tenant=TenantFactory(parent=reseller.tenant)), broken(tenant=other)
    turn(gone, kept)
    elsewhere = TenantFactory(name="Elsewhere")
    gone.placement.tenant = elsewhere
    gone.placement.save()
    pass_by(clock, minutes=2)
    send_due()

    assert kept.device.name in mail.outbox[0].body
    assert gone.device.name not in mail.outbox[0].body


def test_who_lost_his_role_before_it_leaves_gets_nothing(reseller, clock):
    wants_mail(reseller)
    turn(broken(tenant=reseller.tenant))
    Membership.objects.all().delete()
    pass_by(clock, minutes=2)
    send_due()

    assert mail.outbox == []
    assert Message.objects.get().state == Message.State.DROPPED


def test_what_closed_before_it_leaves_is_not_told(provider, clock):
    wants_mail(provider, closings=True)
    item = broken()
    turn(item)
    mend(item)
    pass_by(clock, hours=3)
    send_due()

    assert mail.outbox == []


def test_what_breaks_again_within_an_hour_is_not_mailed_again(provider, clock):
    wants_mail(provider)
    item = broken()
    turn(item)
    pass_by(clock, minutes=2)
    send_due()
    for _ in range(4):
        pass_by(clock, minutes=50)
        mend(item)
        pass_by(clock, minutes=50)
        fail(item)
        pass_by(clock, minutes=2)
        send_due()
    assert len(mail.outbox) == 1

    mend(item)
    pass_by(clock, minutes=61)
    fail(item)
    pass_by(clock, minutes=2)
    send_due()
    assert len(mail.outbox) == 2


def test_a_flap_that_was_never_told_does_not_hide_the_failure_that_stays(provider, clock):
    wants_mail(provider)
    item = broken()
    turn(item)
    mend(item)
    pass_by(clock, minutes=2)
    send_due()
    fail(item)
    pass_by(clock, minutes=2)
    send_due()

    assert len(mail.outbox) == 1


def test_that_it_is_over_is_told_once_it_has_been_for_an_hour(provider, clock):
    wants_mail(provider, closings=True)
    item = broken()
    turn(item)
    pass_by(clock, minutes=2)
    send_due()
    mend(item)
    pass_by(clock, minutes=30)
    fail(item)
    pass_by(clock, minutes=40)
    send_due()
    assert len(mail.outbox) == 1  # not over, and known to be broken

    mend(item)
    pass_by(clock, minutes=61)
    send_due()
    assert [sent.subject[:18] for sent in mail.outbox[1:]] == ["Perihelion: Over: "]


def test_quiet_hours_hold_back_until_their_end_what_is_still_open_then(reseller, clock):
    wants_mail(reseller)
    Rules.objects.create(
        tenant=reseller.tenant, quiet_from="22:00", quiet_until="07:00", time_zone="Europe/Berlin"
    )
    clock.move_to(datetime(2026, 10, 24, 21, 0, tzinfo=UTC), tick=False)  # 23:00, clocks go back at 3
    stays, mended = broken(tenant=reseller.tenant), broken(tenant=reseller.tenant)
    turn(stays)
    pass_by(clock, hours=3)
    turn(mended)
    mend(mended)
    clock.move_to(datetime(2026, 10, 25, 5, 59, tzinfo=UTC), tick=False)
    send_due()
    assert mail.outbox == []

    clock.move_to(datetime(2026, 10, 25, 6, 0, tzinfo=UTC), tick=False)
    send_due()
    (sent,) = mail.outbox
    assert stays.device.name in sent.body
    assert mended.device.name not in sent.body


def test_a_digest_comes_once_each_morning_in_the_persons_time_zone(provider, clock):
    provider.user.time_zone = "Asia/Tokyo"
    provider.user.save()
    wants_mail(provider, "digest")
    turn(broken(message="A"))
    pass_by(clock, hours=5)
    turn(broken(message="B"))
    clock.move_to(datetime(2026, 11, 3, 21, 59, tzinfo=UTC), tick=False)
    send_due()
    assert mail.outbox == []

    clock.move_to(datetime(2026, 11, 3, 22, 0, tzinfo=UTC), tick=False)
    send_due()
    assert len(mail.outbox) == 1
    assert "1 device: A" in mail.outbox[0].body
    assert "1 device: B" in mail.outbox[0].body
    assert "4 Nov 2026, 07:00" in mail.outbox[0].body


def test_what_is_snoozed_is_not_told(provider, clock):
    wants_mail(provider)
    item = broken()
    turn(item)
    Alert.objects.update(snoozed_until=timezone.now() + timedelta(hours=4))
    pass_by(clock, minutes=2)
    send_due()

    assert mail.outbox == []


def test_what_opens_while_snoozed_is_told_when_the_snooze_ends_if_it_still_is_open(provider, clock):
    wants_mail(provider)
    stays, mended = broken(), broken()
    turn(stays, mended)
    mend(stays, mended)
    pass_by(clock, hours=2)
    send_due()
    assert mail.outbox == []
    Alert.objects.update(snoozed_until=timezone.now() + timedelta(hours=4))
    fail(stays, mended)
    mend(mended)
    pass_by(clock, hours=3)
    send_due()
    assert mail.outbox == []

    pass_by(clock, hours=2)
    dispatch()  # what the sweep does
    pass_by(clock, minutes=2)
    send_due()
    (sent,) = mail.outbox
    assert stays.device.name in sent.body
    assert mended.device.name not in sent.body


def test_a_worker_killed_before_it_sent_loses_nothing(provider, clock):
    wants_mail(provider)
    items.evaluate([broken().pk])  # killed here: nobody dispatched
    assert Notice.objects.count() == 0

    dispatch()  # what the sweep does
    dispatch()
    pass_by(clock, minutes=2)
    send_due()

    assert len(mail.outbox) == 1
    assert Notice.objects.count() == 1


def test_a_mail_whose_process_died_while_it_left_is_not_sent_twice(provider, clock):
    wants_mail(provider)
    turn(broken())
    pass_by(clock, minutes=2)
    pk = sending.list_due()[0][0]
    assert sending.claim(pk) is not None  # and is killed
    assert sending.claim(pk) is None

    pass_by(clock, minutes=11)
    sending.take_up_abandoned()
    send_due()

    assert mail.outbox == []
    assert Message.objects.get().state == Message.State.UNCERTAIN


def test_a_mail_server_that_is_away_is_asked_again_at_growing_pauses(provider, clock, settings):
    wants_mail(provider)
    turn(broken())
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_USE_TLS = "127.0.0.1", 1, False
    pauses = []
    for _ in range(3):
        pass_by(clock, hours=2)
        send_due()
        message = Message.objects.get()
        pauses.append((message.due_at - timezone.now()).total_seconds())
    assert pauses == [60, 120, 240]
    assert "ConnectionRefusedError" in message.answer

    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    pass_by(clock, hours=2)
    send_due()
    assert len(mail.outbox) == 1


def test_where_no_mail_is_sent_none_piles_up(provider, clock, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
    wants_mail(provider)
    turn(broken())

    assert not Message.objects.exists()


def test_hostile_names_are_text_in_both_parts(provider, clock):
    wants_mail(provider)
    item = broken(message="<script>alert(1)</script>\nBcc: a@example.com")
    item.device.name = "<b>PC</b>"
    item.device.save()
    turn(item)
    pass_by(clock, minutes=2)
    send_due()

    (sent,) = mail.outbox
    assert "\n" not in sent.subject
    assert "<b>PC</b>" not in sent.alternatives[0][0]
    assert "<script>" not in sent.alternatives[0][0]
    assert sent.recipients() == [provider.user.email]
