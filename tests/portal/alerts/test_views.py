"""Pages of alerts: own ones alone, found, acknowledged, snoozed, undone, and settled."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from portal.alerts.models import Alert, Handling, MailChoice, Rules
from portal.audit.models import Entry
from tests.cast import person
from tests.factories import AlertFactory, ExclusionFactory, TenantFactory
from tests.marks import marked

pytestmark = pytest.mark.django_db
LIST = reverse("alerts:alert-list")
HANDLE = reverse("alerts:alert-handle")
HTMX = {"HTTP_HX-Request": "true"}
HOSTILE = "<script>alert(1)</script>"


def detail(alert):
    return reverse("alerts:alert-detail", args=[alert.pk])


def rules_page(tenant):
    return reverse("alerts:rules-detail", args=[tenant.pk])


def test_open_alerts_of_own_tenants_are_listed(reseller, outsider):
    AlertFactory(tenant=reseller.tenant, label="MINE")
    AlertFactory(tenant=reseller.tenant, label="OVER", is_open=False, closed_at=timezone.now())
    AlertFactory(tenant=outsider.tenant, label="THEIRS")

    response = reseller.client().get(LIST)

    assertContains(response, "MINE")
    assertNotContains(response, "OVER")
    assertNotContains(response, "THEIRS")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"state": "closed"}, {"CLOSED"}),
        ({"state": "all"}, {"CLOSED", "FRESH", "TAKEN", "LATER"}),
        ({"state": "new"}, {"FRESH", "LATER"}),
        ({"state": "acknowledged"}, {"TAKEN"}),
        ({"state": "snoozed"}, {"LATER"}),
        ({"cause": "missed"}, {"TAKEN"}),
        ({"q": "fres"}, {"FRESH"}),
    ],
)
def test_the_list_is_narrowed_by_its_address(provider, query, found):
    now = timezone.now()
    AlertFactory(label="CLOSED", is_open=False, closed_at=now)
    AlertFactory(label="FRESH")
    AlertFactory(label="TAKEN", acknowledged_at=now, cause="missed")
    AlertFactory(label="LATER", snoozed_until=now + timedelta(hours=1))

    page = provider.client().get(LIST, query).context["page"]

    assert {alert.label for alert in page} == found


def test_filters_offer_own_servers_and_tenants_alone(reseller, outsider):
    foreign = AlertFactory(tenant=outsider.tenant)
    client = reseller.client()

    assert client.get(LIST, {"server": foreign.server_id}).status_code == 422
    assert client.get(LIST, {"tenant": outsider.tenant.pk}).status_code == 422


def test_the_list_costs_the_same_for_3_as_for_30(provider):
    client = provider.client()

    def queries(count):
        for _ in range(count):
            AlertFactory()
        with CaptureQueriesContext(connection) as captured:
            client.get(LIST)
        return len(captured)

    assert queries(3) == queries(27)


def test_an_alert_shows_its_history_and_leads_to_its_jobs(provider):
    alert = AlertFactory()
    alert.openings.create(number=1, episode=1, cause="missed", message="Then", opened_at=timezone.now())

    response = provider.client().get(detail(alert))

    assertContains(response, "Then")
    assertContains(response, f"?device={alert.item.device_id}")


def test_hostile_text_is_shown_as_text(provider):
    alert = AlertFactory(label=HOSTILE, message=HOSTILE, note=HOSTILE)
    for url in (LIST, detail(alert)):
        assertNotContains(provider.client().get(url), HOSTILE)


def test_selected_alerts_are_acknowledged_with_a_note_and_undone(provider):
    some = [AlertFactory(), AlertFactory()]
    other = AlertFactory()
    client = provider.client()
    data = {"act": "acknowledge", "selected": [one.pk for one in some], "note": "On it"}

    answer = client.post(HANDLE, data, **HTMX)

    assert answer.status_code == 204
    taken = Alert.objects.filter(acknowledged_by=provider.user, note="On it")
    assert set(taken.values_list("pk", flat=True)) == {one.pk for one in some}
    undo = reverse("alerts:handling-undo", args=[Handling.objects.get().pk])
    assert undo in answer["HX-Trigger"]

    assert client.post(undo, **HTMX).status_code == 204
    assert not Alert.objects.filter(acknowledged_at__isnull=False).exists()
    assert client.post(undo, **HTMX).status_code == 404
    assert other.acknowledged_at is None
    assert Entry.objects.filter(action="alert.acknowledge", phase="begun").count() == 2  # one a tenant


def test_all_that_match_are_snoozed(provider):
    AlertFactory(message="Vault")
    AlertFactory(message="Vault")
    other = AlertFactory(message="Disk")

    provider.client().post(HANDLE, {"act": "snooze", "snooze": "4h", "all_matching": "1", "query": "q=Vault"})

    assert Alert.objects.filter(snoozed_until__gt=timezone.now() + timedelta(hours=3)).count() == 2
    other.refresh_from_db()
    assert other.snoozed_until is None


def test_nobody_handles_what_is_not_his(reseller, outsider):
    foreign = AlertFactory(tenant=outsider.tenant)
    viewer = person(reseller.tenant, "viewer").client()
    own = AlertFactory(tenant=reseller.tenant)
    data = {"act": "acknowledge", "selected": [foreign.pk]}

    assert reseller.client().post(HANDLE, data).status_code == 404
    assert reseller.client().post(HANDLE, {**data, "all_matching": "1"}).status_code == 302
    assert viewer.post(HANDLE, {"act": "acknowledge", "selected": [own.pk]}).status_code == 403
    foreign.refresh_from_db()
    assert foreign.acknowledged_at is None


def test_undo_is_for_who_did_it(provider, technician):
    provider.client().post(HANDLE, {"act": "acknowledge", "selected": [AlertFactory().pk]})
    undo = reverse("alerts:handling-undo", args=[Handling.objects.get().pk])

    assert technician.client().post(undo).status_code == 404


@pytest.mark.parametrize(
    "data", [{}, {"act": "delete"}, {"act": "snooze", "snooze": "9y"}, {"act": "snooze"}]
)
def test_bad_input_changes_nothing(provider, data):
    alert = AlertFactory()
    answer = provider.client().post(HANDLE, {"selected": "²" if data else alert.pk, **data})

    assert answer.status_code == 422
    assert not Handling.objects.exists()


def test_the_sidebar_counts_open_alerts_that_may_be_seen(reseller, outsider):
    AlertFactory(tenant=reseller.tenant)
    AlertFactory(tenant=outsider.tenant)

    response = reseller.client().get(reverse("alerts:alert-count"))

    assertContains(response, "1<span")


def test_rules_are_stored_and_hold_below(reseller, customer):
    data = {"silent_days": "5", "quiet_from": "22:00", "quiet_until": "06:00"}
    response = reseller.client().post(rules_page(reseller.tenant), data)

    assertRedirects(response, rules_page(reseller.tenant))
    assertContains(reseller.client().get(rules_page(customer.tenant)), "silent after 5 days")
    assert Entry.objects.filter(action="alert.rules").exists()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"quiet_from": "22:00"}, "Quiet hours need both times"),
        ({"quiet_from": "22:00", "quiet_until": "22:00"}, "same as the beginning"),
        ({"silent_days": "-1"}, "greater than or equal to 0"),
        ({"time_zone": "Mars/Base"}, "Select a valid choice"),
    ],
)
def test_rules_that_cannot_be_are_said_at_their_field(reseller, data, said):
    response = reseller.client().post(rules_page(reseller.tenant), data)

    assertContains(response, said, status_code=422)
    assert not Rules.objects.exists()


def hook_page(tenant):
    return reverse("alerts:hook-save", args=[tenant.pk])


HOOK = {"hook_url": "https://example.com/in", "hook_header": "X-Token"}


def test_a_webhooks_secrets_are_sealed_and_never_shown(reseller):
    client = reseller.client()
    secret, key = marked("hook-secret"), marked("hook-signing-key")
    client.post(hook_page(reseller.tenant), {**HOOK, "secret": secret, "key": key})
    client.post(hook_page(reseller.tenant), HOOK)

    rules = Rules.objects.get()
    assert (rules.hook_secret.reveal(), rules.hook_key.reveal()) == (secret, key)
    assertNotContains(client.get(rules_page(reseller.tenant)), secret)


def test_a_secret_does_not_follow_to_another_address(reseller):
    client = reseller.client()
    client.post(hook_page(reseller.tenant), {**HOOK, "secret": marked("hook-secret")})
    moved = {**HOOK, "hook_url": "https://elsewhere.example.com/"}

    assertContains(client.post(hook_page(reseller.tenant), moved), "Type this again", status_code=422)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"hook_url": "ftp://example.com"}, "must start with http"),
        ({"hook_url": "http://a:b@example.com"}, "must not hold a user name"),
        ({"hook_url": "http://[::1"}, "cannot be read"),
        ({"hook_header": "Host"}, "none of HTTP"),
        ({"hook_header": "A: b\r\nC"}, "letters, digits and dashes"),
        ({"secret": "a\x01b"}, "plain letters"),
        ({"key": "short"}, "too short"),
    ],
)
def test_a_webhook_that_cannot_be_is_said_at_its_field(reseller, data, said):
    assertContains(
        reseller.client().post(hook_page(reseller.tenant), {**HOOK, **data}), said, status_code=422
    )
    assert not Rules.objects.exists()


def test_the_webhook_is_saved_once_its_writer_has_proved_who_he_is(reseller, settings):
    client, secret = reseller.client(), marked("hook-secret")
    settings.ACCOUNT_REAUTHENTICATION_TIMEOUT = -1
    asked = client.post(hook_page(reseller.tenant), {**HOOK, "secret": secret})
    assert asked.status_code == 302
    assert asked.url.startswith(reverse("account_reauthenticate"))
    assert not Rules.objects.exists()

    settings.ACCOUNT_REAUTHENTICATION_TIMEOUT = 600
    nonce = client.session["form_kept"]["nonce"]
    client.post(hook_page(reseller.tenant), {"kept_form": nonce})
    assert Rules.objects.get().hook_secret.reveal() == secret


def test_who_does_not_manage_all_below_sets_no_webhook(reseller):
    left_out = TenantFactory(parent=reseller.tenant)
    ExclusionFactory(membership=reseller.user.memberships.get(), tenant=left_out)

    response = reseller.client().post(hook_page(reseller.tenant), HOOK)

    assertContains(response, "not yours to manage", status_code=422)
    assert not Rules.objects.exists()


def test_a_person_chooses_when_to_be_mailed(nobody):
    client = nobody.client()
    page = reverse("alerts:mail-choice")

    assertRedirects(client.post(page, {"when": "digest", "closings": "on"}), page)
    choice = MailChoice.objects.get()
    assert (choice.user, choice.when, choice.closings) == (nobody.user, "digest", True)
    assert client.post(page, {"when": "hourly"}).status_code == 422
