"""Keyset paging: every row once, in both directions, whatever stands in the address."""

import base64
import datetime as dt
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from django.test import RequestFactory

from portal.core import paging
from portal.core.paging import Page, Total, count_rows, keyset_chunks, keyset_page, total_of
from portal.fleet.models import Device
from tests.factories import DeviceDayFactory, DeviceFactory

SORTS = {"name": "name", "last_job": "sort_last_job_at", "user": "profile__username", "items": "item_count"}
NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)

pytestmark = pytest.mark.django_db


def page_at(url: str, size: int = 3) -> Page[Device]:
    rows = Device.objects.select_related("profile")
    return keyset_page(rows, RequestFactory().get(url), sorts=SORTS, default="name", size=size)


def names(page: Page[Device]) -> list[str]:
    return [device.name for device in page]


def key(value: object, pk: object) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode([value, pk])).decode().rstrip("=")


@pytest.fixture
def tied_devices():
    """Ten Devices of which four tie in every column that can be sorted by."""
    profile = DeviceFactory(name="a", sort_last_job_at=NOON).profile
    for number in range(9):
        tied = 2 <= number < 6
        DeviceFactory(
            profile=profile,
            name="tied" if tied else f"n{number}",
            item_count=7 if tied else number,
            sort_last_job_at=NOON if tied else NOON + timedelta(hours=number),
        )


@pytest.mark.parametrize(
    "sort", ["name", "-name", "last_job", "-last_job", "user", "-user", "items", "-items"]
)
def test_pages_give_every_row_once_over_ties(tied_devices, sort):
    page, seen = page_at(f"/?sort={sort}"), []
    while True:
        seen += [device.pk for device in page]
        if not page.next_url:
            break
        page = page_at(page.next_url)
    assert sorted(seen) == sorted(Device.objects.values_list("pk", flat=True))


@pytest.mark.parametrize("sort", ["name", "-name", "last_job", "-last_job"])
def test_going_back_leads_over_the_same_pages(tied_devices, sort):
    forwards = [page_at(f"/?sort={sort}")]
    while forwards[-1].next_url:
        forwards.append(page_at(forwards[-1].next_url))
    backwards = [forwards[-1]]
    while backwards[-1].previous_url:
        backwards.append(page_at(backwards[-1].previous_url))
    flat = [device.pk for page in forwards for device in page]
    back = [device.pk for page in reversed(backwards) for device in page]
    assert back == flat
    assert forwards[0].previous_url == ""


@pytest.mark.parametrize("sort", ["password", "-profile__server__password", "pk", "", "name,-pk", "?"])
def test_unknown_sorts_fall_back_to_the_default(tied_devices, sort):
    page = page_at(f"/?sort={sort}")
    assert page.sort == "name"
    assert names(page) == ["a", "n0", "n1"]


@pytest.mark.parametrize(
    ("sort", "after"),
    [
        ("name", "%%%"),
        ("name", "bm8ga2V5"),
        ("name", key("a", 10**30)),
        ("name", key("a", -1)),
        ("name", key("a\x00", 1)),
        ("name", key("x" * 300, 1)),
        ("name", key(None, 1)),
        ("name", base64.urlsafe_b64encode(b"[1,2,3,4]").decode()),
        ("last_job", key("no time", 1)),
        ("last_job", key(5, 1)),
        ("last_job", key("0001-01-01T00:00:00+14:00", 1)),
        ("items", key("many", 1)),
        ("items", key(10**30, 1)),
        ("items", key(-5, 1)),
    ],
)
def test_a_key_that_does_not_fit_leads_to_page_one(tied_devices, sort, after):
    for direction in ("after", "before"):
        page = page_at(f"/?sort={sort}&{direction}={after}")
        assert page.previous_url == ""
        assert len(page) == 3


def test_a_key_of_another_sort_leads_to_page_one(tied_devices):
    after = page_at("/?sort=name").next_url.partition("after=")[2]
    page = page_at(f"/?sort=last_job&after={after}")
    assert page.previous_url == ""


def test_page_links_keep_the_filters(tied_devices):
    url = page_at("/?state=failed&sort=-name").next_url
    assert "state=failed" in url
    assert "sort=-name" in url


def test_chunks_give_every_row_in_order(tied_devices):
    rows = Device.objects.select_related("profile")
    request = RequestFactory().get("/?sort=-last_job")
    chunks = list(keyset_chunks(rows, request, sorts=SORTS, default="name", size=4))
    ordered = Device.objects.order_by("-sort_last_job_at", "-pk")
    assert [device.pk for chunk in chunks for device in chunk] == [device.pk for device in ordered]
    assert [len(chunk) for chunk in chunks] == [4, 4, 2]


def test_what_is_asked_of_the_rows_is_asked_once(tied_devices, django_assert_num_queries):
    rows = Device.objects.filter(item_count=7).select_related("profile")
    with django_assert_num_queries(1) as asked:
        page = keyset_page(rows, RequestFactory().get("/"), sorts=SORTS, default="name", size=3)
    assert asked.captured_queries[0]["sql"].count('item_count" = 7') == 1
    assert [device.item_count for device in page] == [7, 7, 7]


def test_a_condition_on_one_of_several_rows_gives_each_row_once():
    days = [dt.date(2026, 11, day) for day in (1, 2, 3)]
    for device in DeviceFactory.create_batch(2):
        for day in days:
            DeviceDayFactory(device=device, day=day)
    rows = Device.objects.filter(days__day=days[1])
    page = keyset_page(rows, RequestFactory().get("/"), sorts=SORTS, default="name", size=3)
    assert len(page) == 2


class TestTotals:
    def test_a_page_that_is_all_is_not_counted(self, tied_devices, django_assert_num_queries):
        page = page_at("/", size=50)
        with django_assert_num_queries(0):
            assert total_of(page, Device.objects.all()) == Total(10)

    def test_rows_are_counted_up_to_a_limit(self, tied_devices, monkeypatch):
        page = page_at("/?sort=-name")
        monkeypatch.setattr(paging, "COUNTED", 10)
        assert str(total_of(page, Device.objects.order_by("name"))) == "10"
        monkeypatch.setattr(paging, "COUNTED", 9)
        assert str(total_of(page, Device.objects.order_by("name"))) == "more than 9"

    def test_the_database_is_asked_for_no_more(self, tied_devices, django_assert_num_queries, monkeypatch):
        monkeypatch.setattr(paging, "COUNTED", 4)
        with django_assert_num_queries(1) as asked:
            assert count_rows(Device.objects.order_by("name")) == Total(4, is_more=True)
        assert "LIMIT 5" in asked.captured_queries[0]["sql"]
