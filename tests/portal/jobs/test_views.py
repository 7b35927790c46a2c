"""Pages of Jobs: who sees what, filters, order, files, cancelling."""

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from portal.operations.models import Operation
from tests.cast import person
from tests.factories import DeviceFactory, JobFactory, UserProfileFactory

PARTIAL = {"HX-Request": "true"}
HOSTILE = "<script>alert(1)</script>"
GUID = "5e7d22fe-b7c8-4516-ac11-d1820b26d0ca"


def url(name, *args):
    return reverse(f"jobs:{name}", args=args)


def jobs_in(response, *candidates):
    text = response.content.decode()
    return {name for name in candidates if name in text}


@pytest.mark.parametrize("name", ["job-list", "job-export"])
def test_lists_show_own_jobs_only(reseller, outsider, name):
    JobFactory(item_name="Own photos", tenant=reseller.tenant)
    JobFactory(item_name="Foreign photos", tenant=outsider.tenant)

    response = reseller.client().get(url(name))
    text = (b"".join(response.streaming_content) if response.streaming else response.content).decode()

    assert "Own photos" in text
    assert "Foreign photos" not in text


@pytest.mark.parametrize("name", ["job-detail", "job-log", "job-log-text"])
def test_a_foreign_job_is_missing(reseller, outsider, name):
    job = JobFactory(tenant=reseller.tenant)

    assert outsider.client().get(url(name, job.pk)).status_code == 404
    assert outsider.client().get(url("job-detail", 10**30)).status_code == 404


def test_pages_are_refused_without_the_permission(reseller, nobody):
    job = JobFactory(tenant=reseller.tenant)
    billing = person(reseller.tenant, "billing")

    for client in (nobody.client(), billing.client()):
        for page in (url("job-list"), url("job-export"), url("job-detail", job.pk), url("job-log", job.pk)):
            assert client.get(page).status_code == 403
        assert client.post(url("job-cancel", job.pk)).status_code == 403


def test_wrong_methods_are_refused(provider):
    job = JobFactory()
    client = provider.client()
    for page in (url("job-list"), url("job-export"), url("job-detail", job.pk), url("job-log", job.pk)):
        assert client.post(page).status_code == 405
    assert client.get(url("job-cancel", job.pk)).status_code == 405


def test_thirty_rows_cost_the_queries_of_three(provider):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            assert provider.client().get(url("job-list"), headers=PARTIAL).status_code == 200
        assert not any("COUNT(" in query["sql"] and "jobs_job" in query["sql"] for query in captured)
        return len(captured)

    JobFactory.create_batch(3)
    few = queries()
    JobFactory.create_batch(27)
    assert queries() == few


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ({"q": "shop"}, {"Alpha"}),
        ({"q": "ben@"}, {"Beta"}),
        ({"q": GUID}, {"Beta"}),
        ({"q": GUID.upper()}, {"Beta"}),
        ({"q": "11111111-2222-3333-4444-555555555555"}, set()),
        ({"state": "failed"}, {"Alpha"}),
        ({"status": "7003"}, {"Alpha"}),
        ({"kind": "4002"}, {"Beta"}),
        ({"since": "2026-11-10"}, {"Beta"}),
        ({"until": "2026-11-09"}, {"Alpha"}),
        ({"since": "2026-11-09", "until": "2026-11-09"}, {"Alpha"}),
        ({"day": "2026-11-09"}, {"Alpha"}),
        ({"day": "2026-11-10"}, {"Beta"}),
        ({"day": "2026-11-11"}, set()),
        ({}, {"Alpha", "Beta"}),
    ],
)
def test_filters_narrow_the_list(provider, query, shown):
    JobFactory(
        item_name="Alpha",
        device=DeviceFactory(name="SHOP-1"),
        state="failed",
        status=7003,
        started_at=datetime(2026, 11, 9, 8, tzinfo=UTC),
    )
    JobFactory(
        item_name="Beta",
        device=DeviceFactory(name="OFFICE", profile=UserProfileFactory(username="ben@example.com")),
        guid=GUID,
        classification=4002,
        started_at=datetime(2026, 11, 10, 8, tzinfo=UTC),
    )

    response = provider.client().get(url("job-list"), query, headers=PARTIAL)

    assert jobs_in(response, "Alpha", "Beta") == shown


def test_jobs_are_found_by_device_user_server_and_tenant(provider):
    job = JobFactory(item_name="Alpha")
    JobFactory(item_name="Beta")

    for query in (
        {"device": job.device_id},
        {"user": job.profile_id},
        {"server": job.server_id},
        {"tenant": job.placement.tenant_id},
    ):
        response = provider.client().get(url("job-list"), query, headers=PARTIAL)
        assert jobs_in(response, "Alpha", "Beta") == {"Alpha"}, query


def test_a_day_holds_what_ended_on_it_whenever_it_began(provider):
    evening = datetime(2026, 11, 8, 23, 50, tzinfo=UTC)
    JobFactory(item_name="Over midnight", started_at=evening, ended_at=evening + timedelta(hours=1))
    JobFactory(
        item_name="Broke off",
        started_at=evening,
        ended_at=None,
        state="interrupted",
        progress_at=evening + timedelta(minutes=20),
    )
    JobFactory(item_name="Still runs", started_at=evening, ended_at=None, state="running")
    JobFactory(item_name="Next day", started_at=evening + timedelta(days=1, hours=1))

    response = provider.client().get(url("job-list"), {"day": "2026-11-09"}, headers=PARTIAL)

    names = ("Over midnight", "Broke off", "Still runs", "Next day")
    assert jobs_in(response, *names) == {"Over midnight", "Broke off"}


def test_the_last_day_begins_at_a_full_hour(provider, time_machine):
    now = datetime(2026, 11, 10, 12, 34, tzinfo=UTC)
    time_machine.move_to(now, tick=False)
    first = datetime(2026, 11, 9, 13, tzinfo=UTC)
    for name, ended in (("Within", first), ("Before", first - timedelta(seconds=1)), ("Just now", now)):
        JobFactory(item_name=name, started_at=ended - timedelta(hours=2), ended_at=ended)

    response = provider.client().get(url("job-list"), {"ended": "24h"}, headers=PARTIAL)

    assert jobs_in(response, "Within", "Before", "Just now") == {"Within", "Just now"}


@pytest.mark.parametrize(
    "query",
    [
        {"q": "x" * 10_000},
        {"q": HOSTILE},
        {"state": "sad"},
        {"kind": "9999"},
        {"status": "1"},
        {"since": "yesterday"},
        {"since": "0001-01-01"},
        {"until": "9999-12-31"},
        {"day": "2026-02-30"},
        {"ended": "soon"},
        {"device": "0"},
        {"user": "x"},
        {"server": "9" * 40},
        {"tenant": "-1"},
    ],
)
def test_values_that_cannot_be_used_are_told(provider, query):
    JobFactory(item_name="Alpha")

    for headers in ({}, PARTIAL):
        response = provider.client().get(url("job-list"), query, headers=headers)
        assertContains(response, "These filters cannot be used", status_code=422)
        assertNotContains(response, "Alpha", status_code=422)
        assertNotContains(response, HOSTILE, status_code=422)


def test_a_foreign_device_cannot_be_chosen(reseller, outsider):
    job = JobFactory(tenant=outsider.tenant)

    for query in ({"device": job.device_id}, {"user": job.profile_id}, {"server": job.server_id}):
        assert reseller.client().get(url("job-list"), query).status_code == 422


def test_the_newest_stand_first(provider):
    now = timezone.now()
    for hours in (5, 1, 3):
        JobFactory(item_name=f"Item {hours}", started_at=now - timedelta(hours=hours))

    page = provider.client().get(url("job-list"), headers=PARTIAL).content.decode()
    turned = provider.client().get(url("job-list"), {"sort": "start"}, headers=PARTIAL).content.decode()

    assert page.index("Item 1") < page.index("Item 3") < page.index("Item 5")
    assert turned.index("Item 5") < turned.index("Item 3") < turned.index("Item 1")


def test_size_sorts_only_where_few_jobs_are_left(provider):
    device = DeviceFactory()
    for size in (5, 9, 1):
        JobFactory(item_name=f"Size {size}", device=device, size_bytes=size, started_at=timezone.now())
    client = provider.client()

    wide = client.get(url("job-list"), {"sort": "-size"}, headers=PARTIAL).content.decode()
    narrow = client.get(
        url("job-list"), {"sort": "-size", "device": device.pk}, headers=PARTIAL
    ).content.decode()

    assert "sort=size" not in wide
    assert wide.index("Size 1") < wide.index("Size 9")
    assert narrow.index("Size 9") < narrow.index("Size 5") < narrow.index("Size 1")


def test_hostile_text_is_shown_as_text(provider):
    job = JobFactory(
        username=HOSTILE,
        device_name=HOSTILE,
        item_name=HOSTILE,
        vault_name=HOSTILE,
        message=HOSTILE,
        guid=HOSTILE,
        client_version=HOSTILE,
        device__name=HOSTILE,
    )
    client = provider.client()

    for page in (url("job-list"), url("job-detail", job.pk)):
        response = client.get(page)
        assertContains(response, "&lt;script&gt;")
        assertNotContains(response, HOSTILE)


@pytest.mark.parametrize(
    ("status", "state", "said"),
    [
        (5000, "succeeded", "Succeeded"),
        (7003, "failed", "Failed: quota"),
        (7005, "skipped", "Skipped: cancelled"),
        (7004, "missed", "Missed"),
        (6001, "interrupted", "Interrupted"),
        (7999, "failed", "Failed"),
    ],
)
def test_a_status_is_said_in_words(provider, status, state, said):
    job = JobFactory(status=status, state=state)
    client = provider.client()

    for page in (url("job-list"), url("job-detail", job.pk)):
        assertContains(client.get(page), f">{said}</span>")


def test_a_running_job_shows_progress_and_can_be_cancelled(reseller):
    job = JobFactory(
        tenant=reseller.tenant, state="running", status=6001, ended_at=None, cancellation_id="c",
        progress_items=420, progress_items_total=1000, progress_bytes=3 * 2**30,
    )  # fmt: skip
    client = reseller.client()

    page = client.get(url("job-detail", job.pk))
    response = client.post(url("job-cancel", job.pk))

    assertContains(page, "Running, 42 %")
    assertContains(page, "3.00 GiB done, 420 of 1,000 items")
    assertContains(page, url("job-cancel", job.pk))
    operation = Operation.objects.get()
    assertRedirects(response, reverse("operations:operation-detail", args=[operation.pk]))
    assert operation.kind == "job.cancel"


def test_who_may_only_look_is_offered_no_cancel(reseller):
    viewer = person(reseller.tenant, "viewer")
    job = JobFactory(tenant=reseller.tenant, state="running", ended_at=None, cancellation_id="c")
    client = viewer.client()

    assertNotContains(client.get(url("job-detail", job.pk)), url("job-cancel", job.pk))
    assert client.post(url("job-cancel", job.pk)).status_code == 403


def test_a_foreign_job_is_not_cancelled(reseller, outsider):
    job = JobFactory(tenant=reseller.tenant, state="running", ended_at=None, cancellation_id="c")

    assert outsider.client().post(url("job-cancel", job.pk)).status_code == 404
    assert not Operation.objects.exists()


def test_an_ended_job_is_not_offered_to_cancel(provider):
    job = JobFactory(cancellation_id="c")

    assertNotContains(provider.client().get(url("job-detail", job.pk)), "Cancel this job")


def test_the_file_has_the_rows_of_the_list(provider):
    now = timezone.now()
    JobFactory(item_name="=cmd()", state="failed", started_at=now - timedelta(hours=3))
    JobFactory(item_name="Beta", state="failed", started_at=now - timedelta(hours=2))
    JobFactory(item_name="Gamma", state="succeeded")

    response = provider.client().get(url("job-export"), {"state": "failed"})
    text = b"".join(response.streaming_content).decode("utf-8-sig")

    assert [row[8] for row in csv.reader(io.StringIO(text))] == ["Protected item", "Beta", "'=cmd()"]


def test_a_file_with_bad_filters_leads_back_to_the_list(provider):
    response = provider.client().get(url("job-export"), {"day": "never"})

    assertRedirects(response, f"{url('job-list')}?day=never", target_status_code=422)


def test_an_empty_list_says_why(provider):
    assertContains(provider.client().get(url("job-list")), "No jobs yet")
    assertContains(provider.client().get(url("job-list"), {"state": "failed"}), "No jobs match these filters")
