"""The activity page and the page of one event."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from tests.factories import CometServerFactory, EventFactory, PlacementFactory

pytestmark = pytest.mark.django_db


def page(person, query="", **headers):
    return person.client().get(reverse("live:activity") + query, headers=headers)


def text_of(response):
    return response.content.decode()


def test_the_anonymous_are_sent_to_sign_in(client):
    for url in (reverse("live:activity"), reverse("live:event-detail", args=[1])):
        assert client.get(url).status_code == 302


def test_a_person_without_roles_is_refused(nobody):
    assert page(nobody).status_code == 403


def test_only_get_is_answered(provider):
    assert provider.client().post(reverse("live:activity")).status_code == 405


def test_the_newest_comes_first(provider):
    old = EventFactory(summary="The old one", received_at=timezone.now() - timedelta(hours=1))
    new = EventFactory(summary="The new one")
    text = text_of(page(provider))
    assert text.index(new.summary) < text.index(old.summary)
    assert 'id="activity-feed"' in text
    assert "topics=activity" in text


def test_other_tenants_events_are_not_shown(reseller, outsider):
    own, foreign = EventFactory(tenant=reseller.tenant), EventFactory(tenant=outsider.tenant)
    text = text_of(page(reseller))
    assert own.summary in text
    assert foreign.summary not in text


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("?q=quota", {"job"}),
        ("?q=alice", {"sign-in"}),
        ("?type=job", {"job"}),
        ("?type=sign-in", {"sign-in"}),
        ("?type=other", {"unknown"}),
        ("?q=nothing+like+it", set()),
    ],
)
def test_filters_narrow_what_is_shown(provider, query, shown):
    events = {
        "job": EventFactory(type=4201, summary="Backup on A failed: quota"),
        "sign-in": EventFactory(type=4103, summary="Somebody signed in", actor="alice"),
        "unknown": EventFactory(type=4987, summary="Something new"),
    }
    text = text_of(page(provider, query))
    assert {name for name, event in events.items() if event.summary in text} == shown
    assert "data-narrowed" in text


def test_a_server_filter_offers_and_shows_own_servers_only(reseller):
    placement = PlacementFactory(tenant=reseller.tenant)
    own = EventFactory(placement=placement)
    other = EventFactory(tenant=reseller.tenant)
    foreign = CometServerFactory()
    text = text_of(page(reseller, f"?server={placement.server_id}"))
    assert own.summary in text
    assert other.summary not in text
    refused = page(reseller, f"?server={foreign.pk}")
    assert refused.status_code == 422
    assert foreign.name not in text_of(refused)


@pytest.mark.parametrize(
    "query", ["?type=nonsense", "?server=x", "?q=" + "x" * 10_000, "?q=%E2%80%AE", "?q=<script>"]
)
def test_filters_that_cannot_be_used_say_so(provider, query):
    EventFactory(summary="Hidden")
    response = page(provider, query)
    assert response.status_code == 422
    assert "field-error" in text_of(response)
    assert "Hidden" not in text_of(response)


def test_pages_hold_fifty_and_lead_on(provider):
    now = timezone.now()
    for number in range(60):
        EventFactory(summary=f"Number {number:02}", received_at=now - timedelta(minutes=number))
    first = page(provider)
    assert "Number 49" in text_of(first)
    assert "Number 50" not in text_of(first)
    second = provider.client().get(first.context["page"].next_url)
    assert "Number 50" in text_of(second)
    assert "Number 49" not in text_of(second)
    assert 'id="activity-feed"' not in text_of(second)


def test_an_htmx_request_gets_the_list_alone(provider):
    EventFactory(summary="Shown")
    text = text_of(page(provider, **{"HX-Request": "true"}))
    assert text.lstrip().startswith('<div id="activity-list"')
    assert "Shown" in text


def test_a_page_costs_the_same_queries_for_3_events_as_for_30(provider, django_assert_num_queries):
    browser = provider.client()
    url = reverse("live:activity")
    EventFactory.create_batch(3)
    browser.get(url)
    with CaptureQueriesContext(connection) as three:
        browser.get(url)
    EventFactory.create_batch(27)
    with django_assert_num_queries(len(three)):
        browser.get(url)


def test_an_event_shows_what_is_stored_of_it(provider):
    event = EventFactory(
        data={"GUID": "a-job", "Note": "<b>bold</b>"}, problem="It could not be applied.", actor="alice"
    )
    text = text_of(provider.client().get(reverse("live:event-detail", args=[event.pk])))
    assert "a-job" in text
    assert "&lt;b&gt;bold" in text
    assert "It could not be applied." in text
    assert "alice" in text


def test_another_tenants_event_is_not_there(reseller, outsider):
    event = EventFactory(tenant=outsider.tenant)
    url = reverse("live:event-detail", args=[event.pk])
    assert reseller.client().get(url).status_code == 404
    assert outsider.client().get(url).status_code == 200


def test_the_pills_say_what_runs_and_how_fresh_it_is(provider, nobody, client):
    CometServerFactory(stream="up")
    url = reverse("live:pills")
    text = text_of(provider.client().get(url))
    assert "Live, 1 server" in text
    assert 'id="operations-pill"' in text
    assert "No servers" in text_of(nobody.client().get(url))
    assert client.get(url).status_code == 302
