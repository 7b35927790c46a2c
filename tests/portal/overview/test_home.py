"""The first screen: its numbers, whose they are, what they cost."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django.asserts import assertContains, assertNotContains

from portal.accounts.access import access_for
from portal.overview import selectors
from tests.factories import (
    CometServerFactory,
    DeviceFactory,
    EventFactory,
    JobFactory,
    PlacementFactory,
    PlacementHourFactory,
    ProtectedItemFactory,
)

HOME = reverse("overview:home")
PARTIAL = {"HX-Request": "true"}
NOW = datetime(2026, 11, 10, 12, 34, tzinfo=UTC)


@pytest.fixture
def now(time_machine):
    time_machine.move_to(NOW, tick=False)
    return NOW


def tiles(someone):
    return {tile.id.removeprefix("tile-"): tile for tile in selectors.list_tiles(access_for(someone.user))}


def test_tiles_count_what_their_lists_show(provider, now):
    hour = now.replace(minute=0)
    for hours, numbers in (
        (0, {"succeeded": 2, "missed": 1}),
        (23, {"succeeded": 3}),
        (24, {"succeeded": 50}),
    ):
        PlacementHourFactory(hour=hour - timedelta(hours=hours), **numbers)
    for number in range(5):
        JobFactory(started_at=now - timedelta(hours=3), ended_at=hour - timedelta(hours=23 * (number > 1)))
    JobFactory(state="missed", status=7004, started_at=now, ended_at=now)
    JobFactory(state="running", status=6001, started_at=now, ended_at=None)
    DeviceFactory(item_count=1)
    ProtectedItemFactory(last_state="failed", last_status=7002)

    shown = tiles(provider)

    assert {name: tile.value for name, tile in shown.items()} == {
        "attention": 1, "running": 1, "succeeded": 5, "missed": 1, "silent": 1,
    }  # fmt: skip
    client = provider.client()
    for name in ("running", "succeeded", "missed", "silent"):
        page = client.get(shown[name].url)
        assert len(page.context["page"]) == shown[name].value, name


def test_trends_run_hour_by_hour_from_the_oldest(provider, now):
    hour = now.replace(minute=0)
    PlacementHourFactory(hour=hour, succeeded=7, failed=1)
    PlacementHourFactory(hour=hour, succeeded=1)
    PlacementHourFactory(hour=hour - timedelta(hours=23), succeeded=2, missed=4, warning=1)

    shown = tiles(provider)

    assert shown["succeeded"].trend == [2, *[0] * 22, 8]
    assert shown["missed"].trend == [4, *[0] * 23]
    assert shown["attention"].trend == [5, *[0] * 22, 1]
    assert shown["running"].trend == [7, *[0] * 22, 9]


def test_everybody_sees_only_own_numbers(provider, reseller, customer, outsider):
    PlacementHourFactory(placement__tenant=customer.tenant, succeeded=3)
    PlacementHourFactory(placement__tenant=reseller.tenant, succeeded=20)
    PlacementHourFactory(placement__tenant=outsider.tenant, succeeded=100)

    seen = {name: tiles(who)["succeeded"].value for name, who in
            (("provider", provider), ("reseller", reseller), ("customer", customer))}  # fmt: skip

    assert seen == {"provider": 123, "reseller": 23, "customer": 3}


def test_a_reseller_sees_tenants_where_the_provider_sees_servers(provider, reseller, customer):
    server = CometServerFactory(name="provider-server-1")
    placement = PlacementFactory(server=server, tenant=customer.tenant)
    PlacementHourFactory(placement=placement, failed=1)

    of_provider, of_reseller = provider.client().get(HOME), reseller.client().get(HOME)

    assertContains(of_provider, "provider-server-1")
    assertContains(of_provider, f'id="server-{server.pk}-freshness"')
    assertContains(of_reseller, customer.tenant.name)
    assertNotContains(of_reseller, "provider-server-1")
    assertNotContains(of_reseller, f'id="server-{server.pk}-freshness"')


def test_a_strip_shows_the_worst_of_each_day_and_opens_it(provider, now):
    placement = PlacementFactory()
    other = PlacementFactory(server=placement.server)
    today = now.replace(hour=0, minute=0)
    PlacementHourFactory(placement=placement, hour=today, succeeded=4)
    PlacementHourFactory(placement=other, hour=today + timedelta(hours=3), failed=2, succeeded=1)
    PlacementHourFactory(placement=placement, hour=today - timedelta(days=29), warning=1)
    PlacementHourFactory(placement=placement, hour=today - timedelta(days=30), missed=1)

    (strip,) = selectors.list_strips(access_for(provider.user), [placement.server])

    assert len(strip.cells) == 30
    assert [strip.cells[0].state, strip.cells[1].state, strip.cells[29].state] == [
        "warning",
        "unknown",
        "failed",
    ]
    assert strip.cells[29].title == "2 failed, 5 succeeded"
    assert strip.cells[29].url == f"/jobs/?server={placement.server_id}&day=2026-11-10"
    assert strip.cells[1].url == ""


def test_the_first_screen_costs_the_same_for_few_and_for_many(provider):
    server = CometServerFactory()

    def fill(count):
        for _ in range(count):
            placement = PlacementFactory(server=server)
            PlacementHourFactory(placement=placement, succeeded=1, failed=1)
            job = JobFactory()
            ProtectedItemFactory(device=job.device, last_state="failed", last_status=7002)
            EventFactory(placement=placement)

    def queries(headers):
        client = provider.client()
        with CaptureQueriesContext(connection) as captured:
            assert client.get(HOME, headers=headers).status_code == 200
        jobs = [
            query["sql"] for query in captured if "COUNT(*)" in query["sql"] and '"jobs_job"' in query["sql"]
        ]
        assert all('"jobs_job"."state" = ' in sql for sql in jobs)
        return len(captured)

    fill(3)
    few = (queries({}), queries(PARTIAL))
    fill(27)
    assert (queries({}), queries(PARTIAL)) == few
    assert few[1] <= 9


def test_the_upper_half_answers_alone(provider):
    ProtectedItemFactory(last_state="failed", last_status=7002, last_message="Disk full")

    response = provider.client().get(HOME, headers=PARTIAL)

    assertContains(response, 'id="overview-now"')
    assertContains(response, "Disk full")
    assertContains(response, "Run backup on 1 device")
    assertNotContains(response, "<html")


def test_more_causes_than_fit_are_said(provider):
    for number in range(9):
        ProtectedItemFactory(last_state="failed", last_status=7002, last_message=f"Cause {number}")

    assertContains(provider.client().get(HOME), "3 more causes")


def test_a_fresh_installation_says_what_to_do_first(provider):
    response = provider.client().get(HOME)

    assertContains(response, "Link your first Comet Server")
    assertContains(response, reverse("servers:server-link"))


def test_a_customer_without_anything_is_told_why(customer):
    response = customer.client().get(HOME)

    assertContains(response, "Nothing to show yet")
    assertNotContains(response, reverse("servers:server-link"))


def test_who_sees_no_jobs_is_shown_no_numbers(nobody, provider, client):
    assertNotContains(nobody.client().get(HOME), "tile-attention")
    assertContains(provider.client().get(HOME), "Link your first Comet Server")
    assert provider.client().post(HOME).status_code == 405
    assert client.get(HOME).status_code == 302


def test_hostile_names_are_shown_as_text(provider):
    placement = PlacementFactory(server__name="<script>alert(1)</script>")
    PlacementHourFactory(placement=placement, hour=timezone.now(), failed=1)

    response = provider.client().get(HOME)

    assertContains(response, "&lt;script&gt;")
    assertNotContains(response, "<script>alert")
