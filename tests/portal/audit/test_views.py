"""The page of the audit."""

import csv
import json
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test import RequestFactory
from django.urls import reverse
from django.utils import timezone
from pytest_django.asserts import assertContains, assertNotContains

from portal.accounts.access import access_for
from portal.accounts.models import Membership
from portal.audit import origin
from portal.audit import services as audit
from portal.audit.chain import chain
from portal.audit.checkpoint import check
from portal.audit.filters import EntryFilters
from portal.audit.models import Entry
from portal.audit.repeats import note_refusal
from portal.audit.selectors import list_actions
from portal.servers.models import CometServer
from portal.tenants.models import Tenant
from tests.cast import person
from tests.factories import TenantFactory

URL = "audit:entry-list"


def done(tenant, label="Something", action="tenant.rename", outcome=Entry.Outcome.DONE, actor=None):
    return audit.note(
        action,
        outcome,
        actor=actor,
        tenant_id=tenant.pk if tenant else None,
        details={"name": label},
    )


def test_the_list_shows_each_action_once_with_its_outcome(reseller):
    done(reseller.tenant, "Alpha", outcome=Entry.Outcome.REFUSED)

    response = reseller.client().get(reverse(URL))

    assertContains(response, "Alpha", count=1)
    assertContains(response, "Renamed a tenant")
    assertContains(response, '<span class="state-word">Refused</span>')


def test_an_action_without_an_end_is_said_not_to_have_ended(reseller):
    audit.begin("server.link", actor=None, tenant_id=reseller.tenant.pk)

    assertContains(reseller.client().get(reverse(URL)), "Not ended yet")


def test_the_list_hides_other_tenants_and_the_portal_at_large(reseller, outsider):
    done(outsider.tenant, "Foreign")
    done(None, "Portal wide")

    response = reseller.client().get(reverse(URL))

    assertNotContains(response, "Foreign")
    assertNotContains(response, "Portal wide")


def test_the_provider_sees_all(provider, outsider):
    done(outsider.tenant, "Foreign")
    done(None, "Portal wide")

    response = provider.client().get(reverse(URL))

    assertContains(response, "Foreign")
    assertContains(response, "Portal wide")


def test_a_customer_may_not_read_it(customer):
    assert customer.client().get(reverse(URL)).status_code == 403


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ({"q": "alpha"}, {"Alpha"}),
        ({"person": "perihelion"}, {"Alpha", "Beta"}),
        ({"person": "nobody here"}, set()),
        ({"action": "server.link"}, {"Beta"}),
        ({"outcome": "failed"}, {"Beta"}),
        ({"outcome": "unknown"}, set()),
        ({"since": "2020-01-01"}, {"Alpha", "Beta"}),
        ({"until": "2020-01-01"}, set()),
        ({"q": "renamed a"}, {"Alpha"}),
        ({"address": "192.0.2.7"}, {"Beta"}),
        ({"object": "servers.cometserver:12"}, {"Beta"}),
        ({"outcome": "done"}, {"Alpha"}),
    ],
)
def test_filters_narrow_it(provider, query, shown):
    client = provider.client()
    tenant = TenantFactory()
    done(tenant, "Alpha")
    with origin.of_request(RequestFactory().get("/", REMOTE_ADDR="192.0.2.7")):
        begun = audit.begin("server.link", actor=None, tenant_id=tenant.pk, details={"name": "Beta"})
    audit.end(begun, Entry.Outcome.FAILED, target=CometServer(pk=12, name="fr-1"))

    response = client.get(reverse(URL), query, headers={"HX-Request": "true"})

    assert {name for name in ("Alpha", "Beta") if name in response.content.decode()} == shown


def test_a_filter_that_cannot_be_used_says_so_at_its_field(provider):
    response = provider.client().get(reverse(URL), {"action": "no.such.action"})

    assert response.status_code == 422
    assertContains(response, "Select a valid choice", status_code=422)


def test_rows_do_not_cost_queries(provider, django_assert_max_num_queries):
    client = provider.client()
    for _ in range(30):
        done(provider.tenant)

    with django_assert_max_num_queries(20):
        client.get(reverse(URL))


def test_an_object_known_only_at_the_end_is_named(reseller):
    with audit.record("tenant.create", actor=None, tenant_id=reseller.tenant.pk) as action:
        action.target = TenantFactory(name="Made just now")

    assertContains(reseller.client().get(reverse(URL)), "Made just now")


def test_a_tenant_narrows_it_to_what_is_below(provider, reseller, customer, outsider):
    done(customer.tenant, "Alpha")
    done(outsider.tenant, "Beta")

    page = provider.client().get(reverse(URL), {"tenant": reseller.tenant.pk}).content.decode()

    assert "Alpha" in page
    assert "Beta" not in page


def test_text_is_looked_for_in_the_last_month_unless_a_day_is_chosen(reseller):
    with time_machine.travel(timezone.now() - timedelta(days=40)):
        done(reseller.tenant, "Alpha")
    client = reseller.client()
    since = (timezone.now() - timedelta(days=60)).date().isoformat()

    assertContains(client.get(reverse(URL)), "Alpha")
    response = client.get(reverse(URL), {"q": "alpha"})
    assertNotContains(response, "<dd>Alpha</dd>", html=True)
    assertContains(response, "in the last 31 days")
    assertContains(client.get(reverse(URL), {"q": "alpha", "since": since}), "<dd>Alpha</dd>", html=True)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"q": "x", "since": "2015-01-01"}, "since"),
        ({"since": "2026-01-02", "until": "2026-01-01"}, "until"),
        ({"since": "yesterday"}, "since"),
        ({"address": "not an address"}, "address"),
        ({"object": "'; DROP"}, "object"),
        ({"tenant": "999999"}, "tenant"),
        ({"actor": "9" * 30}, "actor"),
        ({"q": "nul\x00"}, "q"),
    ],
)
def test_what_cannot_be_used_is_told_at_its_field(reseller, query, field):
    response = reseller.client().get(reverse(URL), query)

    assert response.status_code == 422
    assert field in response.context["filters"].form.errors


def test_another_tenants_name_is_no_choice(reseller, outsider):
    response = reseller.client().get(reverse(URL), {"tenant": outsider.tenant.pk})

    assert response.status_code == 422
    assertNotContains(response, outsider.tenant.name, status_code=422)


def test_what_is_being_counted_is_refused_already(reseller):
    for _ in range(3):
        note_refusal("sign_in.failed", tenant_id=reseller.tenant.pk, actor_label="Somebody", ip="192.0.2.7")

    assertContains(reseller.client().get(reverse(URL)), "Refused, 3 times so far")


def test_the_page_of_an_action_shows_both_halves_what_changed_and_their_seals(provider):
    client = provider.client()
    before_after = {"changes": [{"field": "name", "before": "Old", "after": "New"}]}
    with audit.record("tenant.rename", actor=provider.user, tenant_id=None, target=provider.tenant) as action:
        action.details = before_after
    chain()
    entry = Entry.objects.filter(action="tenant.rename").order_by("pk")[0]

    for half in (entry, entry.ends.get()):
        response = client.get(reverse("audit:entry-detail", args=[half.pk]))
        assertContains(response, "Old</del>")
        assertContains(response, "New</ins>")
        assertContains(response, "Matches its seal", count=2)
        assertContains(response, entry.ends.get().mac)


def test_the_page_of_a_changed_action_says_so(provider, five, tamper):
    tamper("UPDATE audit_entry SET object_label = 'x' WHERE number = 4")
    entry = Entry.objects.get(number=3)

    response = provider.client().get(reverse("audit:entry-detail", args=[entry.pk]))

    assertContains(response, "Does not match its seal", count=1)


def test_the_page_says_how_far_the_chain_was_verified(provider, reseller, five):
    client, below = provider.client(), reseller.client()
    assertContains(client.get(reverse(URL)), "Not verified yet")
    chain()
    check()

    assertContains(client.get(reverse(URL)), "Entries 1 to")
    assertContains(below.get(reverse(URL)), "Verified")
    assertNotContains(below.get(reverse(URL)), "Entries 1 to")


def test_a_broken_chain_is_an_alarm_and_tells_those_below_no_names(provider, reseller, five, tamper):
    client, below = provider.client(), reseller.client()
    chain()
    tamper("UPDATE audit_entry SET object_label = 'x' WHERE number = 4")
    check()

    assertContains(client.get(reverse(URL)), "Entry 4 (tenant.rename")
    assertContains(below.get(reverse(URL)), "The audit does not verify")
    assertNotContains(below.get(reverse(URL)), "Entry 4")


def test_without_a_key_the_page_says_what_to_do(provider, settings):
    settings.AUDIT_KEYS = []

    assertContains(provider.client().get(reverse(URL)), "Set AUDIT_KEY and restart")


def test_details_for_the_owner_are_told_to_its_readers_alone(provider, reseller, customer):
    server_owner = provider.tenant
    audit.note(
        "server.place",
        audit.DONE,
        actor=None,
        tenant_id=reseller.tenant.pk,
        details={"note": "seen"},
        owner_tenant_id=server_owner.pk,
        owner_details={"placed": "Hidden tenant"},
    )

    for url in (URL, "audit:entry-export-csv", "audit:entry-export-jsonl"):
        for who, sees in ((provider, True), (reseller, False)):
            response = who.client().get(reverse(url))
            content = b"".join(response) if response.streaming else response.content
            assert (b"Hidden tenant" in content) is sees, (url, who)
            assert b"seen" in content
    found = reseller.client().get(reverse(URL), {"q": "hidden"}).content.decode()
    assert "seen" not in found
    assert "seen" in provider.client().get(reverse(URL), {"q": "hidden"}).content.decode()


def test_of_what_was_deleted_for_good_only_who_sees_everything_reads(provider, kept_out, customer):
    audit.note(
        "server.place",
        audit.DONE,
        actor=None,
        tenant_id=provider.tenant.pk,
        details={"note": "seen"},
        owner_tenant_id=customer.tenant.pk,
        owner_details={"placed": "Hidden tenant"},
    )
    done(customer.tenant, "Below the exclusion")
    Membership.objects.filter(tenant=customer.tenant).delete()
    Tenant.objects.filter(pk=customer.tenant.pk).delete()

    for url in (URL, "audit:entry-export-csv", "audit:entry-export-jsonl"):
        for who, sees in ((provider, True), (kept_out, False)):
            response = who.client().get(reverse(url))
            content = b"".join(response) if response.streaming else response.content
            assert b"seen" in content
            for secret in (b"Hidden tenant", b"Below the exclusion"):
                assert (secret in content) is sees, (url, who, secret)
    assertNotContains(kept_out.client().get(reverse(URL), {"q": "hidden"}), "seen")


def text_of(response):
    return b"".join(response.streaming_content).decode("utf-8-sig")


def test_a_csv_file_holds_all_that_matches_and_taking_it_is_told(reseller):
    for number in range(1005):
        done(reseller.tenant, f"=row {number}")
    client = reseller.client()

    text = text_of(client.get(reverse("audit:entry-export-csv"), {"action": "tenant.rename"}))

    rows = list(csv.DictReader(text.splitlines()))
    assert len(rows) == 1005
    assert (rows[0]["Said"], rows[0]["Outcome"]) == ("Renamed a tenant", "done")
    taken = Entry.objects.get(action="audit.export", begun=None)
    assert (taken.actor, taken.tenant_id) == (reseller.user, reseller.tenant.pk)
    assert taken.details == {"format": "CSV", "filters": "action=tenant.rename"}


def test_json_lines_hold_both_halves_with_their_seals(reseller):
    done(reseller.tenant, "Alpha")
    chain()

    text = text_of(
        reseller.client().get(reverse("audit:entry-export-jsonl"), {"q": "alpha", "action": "tenant.rename"})
    )

    (line,) = [json.loads(line) for line in text.splitlines()]
    end = Entry.objects.get(action="tenant.rename", begun__isnull=False)
    assert (line["action"], line["details"]) == ("tenant.rename", {"name": "Alpha"})
    assert [(half["outcome"], half["mac"]) for half in line["ended"]] == [("done", end.mac)]


def test_a_file_of_filters_that_cannot_be_used_leads_back_to_the_list(reseller):
    response = reseller.client().get(reverse("audit:entry-export-csv"), {"since": "x"})

    assert (response.status_code, response.url) == (302, f"{reverse(URL)}?since=x")


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ({}, "audit_by_time"),
        ({"action": "tenant.rename"}, "audit_by_action"),
        ({"address": "192.0.2.7"}, "audit_by_address"),
        ({"actor": "1"}, "audit_by_actor"),
        ({"object": "servers.cometserver:12"}, "audit_by_object"),
        ({"outcome": "failed"}, "audit_by_outcome"),
        ({"since": "2026-11-01"}, "audit_by_time"),
        ({"q": "text"}, "audit_by_time"),
    ],
)
@pytest.mark.skipif(
    connection.vendor != "sqlite", reason="an empty PostgreSQL table is read whole, whatever there is"
)
def test_each_way_to_look_has_its_index(provider, query, index):
    request = RequestFactory().get("/", query)
    request.access = access_for(provider.user)
    rows = EntryFilters(request.GET, queryset=list_actions(request.access), request=request).rows()

    plan = rows.order_by("-at", "-pk")[:51].explain()

    assert index in plan
    assert "SCAN audit_entry\n" not in plan


def test_one_tenants_actions_are_found_by_their_index(reseller):
    access = access_for(person(TenantFactory(), "admin").user)

    plan = list_actions(access).order_by("-at", "-pk")[:51].explain()

    assert "audit_by_tenant" in plan or connection.vendor != "sqlite"
