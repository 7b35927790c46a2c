"""What the activity page finds, however it is asked."""

import csv
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from portal.live import exports, search
from portal.live.filters import MOMENT, TYPES
from portal.live.kinds import GROUPS
from tests.factories import EventFactory, PlacementFactory, TenantFactory, UserProfileFactory

pytestmark = pytest.mark.django_db
NOW = timezone.now().replace(second=30, microsecond=0)


def page(who, /, **query):
    return who.client().get(reverse("live:activity"), query)


def shown(who, /, **query):
    response = page(who, **query)
    assert response.status_code == 200, response.context["filters"].form.errors
    return {event.summary for event in response.context["page"]}


def walk(who, /, **query):
    """The summaries of all pages, in their order, and how many pages there were."""
    browser, url = who.client(), f"{reverse('live:activity')}?{urlencode(query)}"
    found, pages = [], 0
    while url:
        response = browser.get(url)
        found += [event.summary for event in response.context["page"]]
        url = response.context["page"].next_url or response.context["further_url"]
        pages += 1
    return found, pages


@pytest.fixture
def few(monkeypatch):
    """A page looks at three events at most, so that a search stops early."""
    monkeypatch.setattr(search, "MOST_LOOKED_AT", 3)


@pytest.fixture
def mixed(reseller):
    """Events of two customers on two servers, by two people."""
    customer = TenantFactory(parent=reseller.tenant)
    here, there = PlacementFactory(tenant=reseller.tenant), PlacementFactory(tenant=customer)
    made = [
        (here, 4201, "user-1", "Backup on ALPHA failed", 0),
        (here, 4105, "root", "Session of root started", 10),
        (there, 4201, "user-2", "Backup on BETA failed", 20),
        (there, 4200, "user-1", "Backup on BETA started", 30),
    ]
    for placement, number, actor, summary, minutes in made:
        at = NOW - timedelta(minutes=minutes)
        EventFactory(placement=placement, type=number, actor=actor, summary=summary, received_at=at)
    return here, there


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"person": "user-1"}, {"Backup on ALPHA failed", "Backup on BETA started"}),
        ({"person": "user"}, set()),
        ({"type": "4200"}, {"Backup on BETA started"}),
        ({"type": "job", "person": "user-2"}, {"Backup on BETA failed"}),
        ({"q": "alpha"}, {"Backup on ALPHA failed"}),
        ({"q": "failed", "type": "4201", "person": "user-1"}, {"Backup on ALPHA failed"}),
        ({"since": 25}, {"Backup on ALPHA failed", "Session of root started", "Backup on BETA failed"}),
        ({"until": 20}, {"Backup on BETA failed", "Backup on BETA started"}),
        ({"since": 20, "until": 20}, {"Backup on BETA failed"}),
    ],
)
def test_filters_narrow_together(reseller, provider, mixed, query, found):
    asked = {
        name: f"{NOW - timedelta(minutes=value):{MOMENT}}" if isinstance(value, int) else value
        for name, value in query.items()
    }
    assert shown(reseller, **asked) == found
    assert shown(provider, **asked) == found


def test_a_server_and_a_tenant_narrow_for_whoever_sees_them(reseller, provider, mixed):
    here, there = mixed
    for person in (reseller, provider):
        assert len(shown(person, server=here.server_id)) == 2
        assert len(shown(person, tenant=there.tenant_id)) == 2
        assert len(shown(person, tenant=here.tenant_id)) == 4  # what is below it is in
        assert shown(person, tenant=there.tenant_id, server=here.server_id) == set()


def test_no_filter_leads_to_another_tenants_events(outsider, mixed):
    assert shown(outsider, person="user-1") == shown(outsider, q="backup") == set()
    for name, value in {"server": mixed[0].server_id, "tenant": mixed[0].tenant_id}.items():
        assert page(outsider, **{name: value}).status_code == 422


def test_somebody_of_many_placements_is_kept_to_them(reseller, mixed, monkeypatch):
    monkeypatch.setattr(search, "FEW_PLACEMENTS", 1)
    EventFactory(summary="Foreign", actor="user-1")
    assert len(shown(reseller)) == 4
    assert shown(reseller, person="user-1", q="alpha") == {"Backup on ALPHA failed"}
    assert len(shown(reseller, tenant=mixed[1].tenant_id, type="job")) == 2


def test_a_search_says_how_far_it_looked_and_goes_on(provider, few):
    for number in range(40):
        text = f"Needle {number}" if number in (25, 39) else f"Hay {number}"
        EventFactory(summary=text, received_at=NOW - timedelta(hours=number))
    first = page(provider, q="needle")
    assert "Nothing found so far" in first.content.decode()
    assert first.context["back_to"] < NOW
    found, pages = walk(provider, q="needle")
    assert found == ["Needle 25", "Needle 39"]
    assert pages > 2


def test_one_condition_needs_no_search(provider, few):
    """It has its index: the page is full at once, however far back its events lie."""
    placement = PlacementFactory()
    for number in range(30):
        EventFactory(type=4103, actor="eve", placement=placement, received_at=NOW - timedelta(hours=number))
        EventFactory(received_at=NOW - timedelta(hours=number))
    for query in ({"person": "eve"}, {"type": "sign-in"}, {"server": placement.server_id}):
        response = page(provider, **query)
        assert len(response.context["page"]) == 30
        assert response.context["back_to"] is None


def test_the_way_back_from_a_search_is_its_first_page(provider, few):
    for number in range(12):
        EventFactory(summary=f"Needle {number:02}", received_at=NOW - timedelta(hours=number))
    further = page(provider, q="needle").context["further_url"]
    second = provider.client().get(further)
    assert second.context["page"].previous_url == reverse("live:activity") + "?q=needle"
    stale = page(provider, q="needle", before="WyIyMDAwLTAxLTAxIiwxXQ")
    assert stale.context["page"].rows[0].summary == "Needle 00"


def test_events_of_one_moment_come_in_one_order_on_every_page(provider):
    for number in range(120):
        EventFactory(summary=f"{number:03}", received_at=NOW)
    found, _ = walk(provider)
    assert found == [f"{number:03}" for number in reversed(range(120))]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"since": "yesterday"}, "since"),
        ({"since": "2026-05-31"}, "since"),
        ({"until": "0001-01-01T00:00"}, "until"),
        ({"since": "2026-05-31T10:00", "until": "2026-05-31T09:59"}, "until"),
        ({"person": "x" * 300}, "person"),
        ({"person": "a\u202eb"}, "person"),
        ({"type": "99999"}, "type"),
        ({"tenant": "x"}, "tenant"),
    ],
)
def test_what_cannot_be_used_is_refused_at_its_field(provider, query, field):
    EventFactory(summary="Hidden")
    response = page(provider, **query)
    text = response.content.decode()
    assert response.status_code == 422
    assert list(response.context["filters"].form.errors) == [field]
    assert "field-error" in text
    assert "Hidden" not in text
    assert "Download as CSV" not in text


def test_filters_are_told_as_chips(provider, mixed):
    response = page(
        provider,
        q="failed",
        type="4201",
        person="user-1",
        server=mixed[0].server_id,
        tenant=mixed[0].tenant_id,
        since="2026-05-31T02:10",
    )
    assert [chip.label for chip in response.context["filters"].chips()] == [
        "Search: failed",
        "Type: Job ended",
        "Caused by: user-1",
        f"Server: {mixed[0].server.name}",
        "Tenant: Reseller",
        "From: 31 May 2026 02:10",
    ]


def test_every_group_of_types_can_be_chosen():
    assert [choices[0][0] for _, choices in TYPES] == list(GROUPS)


@pytest.mark.parametrize(
    "query", [{}, {"person": "user-1"}, {"q": "backup"}, {"type": "4201", "person": "user-1", "q": "backup"}]
)
def test_a_search_costs_the_same_queries_for_3_events_as_for_30(reseller, query):
    browser, url = reseller.client(), reverse("live:activity")
    placement = PlacementFactory(tenant=reseller.tenant)
    EventFactory.create_batch(3, placement=placement, actor="user-1", summary="Backup")
    browser.get(url, query)
    with CaptureQueriesContext(connection) as three:
        browser.get(url, query)
    EventFactory.create_batch(27, placement=placement, actor="user-1", summary="Backup")
    with CaptureQueriesContext(connection) as thirty:
        browser.get(url, query)
    assert len(thirty) == len(three)
    assert len(three) <= 20


def test_names_are_suggested_as_far_as_they_may_be_seen(reseller, outsider):
    EventFactory(tenant=reseller.tenant, actor="Alice")
    EventFactory(tenant=outsider.tenant, actor="alien")
    UserProfileFactory(tenant=reseller.tenant, username="alfred")
    UserProfileFactory(tenant=outsider.tenant, username="albert")
    url = reverse("live:activity-people")
    text = reseller.client().get(url, {"person": "al"}).content.decode()
    assert text.count("<option") == 2
    assert "Alice" in text
    assert "alfred" in text
    assert "<option" not in reseller.client().get(url, {"person": "\u202e"}).content.decode()


def body(response):
    return b"".join(response.streaming_content).decode()


def test_the_csv_holds_what_the_filters_let_through(reseller, mixed):
    EventFactory(summary="Foreign backup")
    EventFactory(tenant=reseller.tenant, summary="=cmd()", actor="+1")
    text = body(reseller.client().get(reverse("live:activity-export-csv"), {"type": "job"}))
    rows = list(csv.DictReader(text.removeprefix("\ufeff").splitlines()))
    assert [row["What happened"] for row in rows] == [
        "'=cmd()",
        "Backup on ALPHA failed",
        "Backup on BETA failed",
        "Backup on BETA started",
    ]
    assert rows[0]["Caused by"] == "'+1"
    assert rows[1]["Tenant"] == "Reseller"


def test_json_lines_hold_the_data_as_stored(provider):
    event = EventFactory(data={"GUID": "a-job", "Name": "Ünal"})
    (line,) = body(provider.client().get(reverse("live:activity-export-jsonl"))).splitlines()
    assert json.loads(line)["data"] == event.data
    assert json.loads(line)["id"] == event.pk


def test_a_file_reaches_beyond_what_one_page_looks_at(provider, few):
    for number in range(30):
        EventFactory(summary=f"Needle {number:02}", received_at=NOW - timedelta(days=number))
    text = body(provider.client().get(reverse("live:activity-export-csv"), {"q": "needle"}))
    assert [line.split(",")[7] for line in text.splitlines()[1:]] == [f"Needle {n:02}" for n in range(30)]


def test_a_file_ends_at_its_most(provider, monkeypatch):
    monkeypatch.setattr(exports, "MOST", 7)
    EventFactory.create_batch(12)
    text = body(provider.client().get(reverse("live:activity-export-csv")))
    assert len(text.splitlines()) == 1 + 7


def test_a_file_of_filters_that_cannot_be_used_leads_back(provider):
    response = provider.client().get(reverse("live:activity-export-csv"), {"since": "x"})
    assert response.status_code == 302
    assert response["Location"] == reverse("live:activity") + "?since=x"


def test_the_moment_a_page_reaches_is_told_in_utc_by_its_address(provider, few):
    """So that the next page begins there whatever zone its reader has."""
    for number in range(12):
        EventFactory(received_at=datetime(2026, 5, 31, 2, number, tzinfo=UTC), summary="x")
    found, _ = walk(provider, q="x")
    assert len(found) == 12
