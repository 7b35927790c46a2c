"""How many events there were, and what is left of months that are over."""

import os
import signal
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from portal.live import counts, retention, tasks
from portal.live.models import Event, EventCount, SetAside
from tests.factories import EventFactory, PlacementFactory

pytestmark = pytest.mark.django_db
DAY = EventCount.Span.DAY
MONTH = EventCount.Span.MONTH


def at(months_ago, day=3, hour=12):
    first = counts.month_of(timezone.now().date(), -months_ago)
    return datetime(first.year, first.month, day, hour, tzinfo=UTC)


def counted(span, **lookup):
    rows = EventCount.objects.filter(span=span, **lookup).order_by("begins_on", "type")
    return list(rows.values_list("begins_on", "type", "count"))


def test_events_are_counted_by_day_placement_and_type():
    here = PlacementFactory()
    now = timezone.now().replace(hour=0, minute=0, second=1)
    EventFactory.create_batch(2, placement=here, type=4200, received_at=now - timedelta(days=2))
    EventFactory(placement=here, type=4201, received_at=now)
    EventFactory(type=4201, received_at=now)
    counts.count_days()
    today = now.date()
    assert counted(DAY, placement=here) == [(today - timedelta(days=2), 4200, 2), (today, 4201, 1)]
    EventFactory(placement=here, type=4201, received_at=now)
    Event.objects.filter(type=4200).delete()
    counts.count_days()
    assert counted(DAY, placement=here)[-1] == (today, 4201, 2)
    assert len(counted(DAY, placement=here)) == 2  # a day that is over is not counted again


def test_counts_follow_events_that_are_moved():
    here, there = PlacementFactory(), PlacementFactory()
    yesterday = timezone.now() - timedelta(days=1)
    moved = [EventFactory(placement=here, received_at=yesterday).pk for _ in range(3)]
    EventFactory(placement=here, received_at=yesterday)
    EventFactory(placement=there, received_at=timezone.now())
    counts.count_days()
    events = Event.objects.filter(pk__in=moved)
    counts.move_counts(events, there.pk)
    events.update(placement=there)
    counts.move_counts(events, there.pk)  # they are there: nothing is counted twice
    day = yesterday.date()
    assert counted(DAY, placement=here) == [(day, 4201, 1)]
    assert counted(DAY, placement=there) == [(day, 4201, 3), (timezone.now().date(), 4201, 1)]


def test_a_count_that_is_no_more_goes():
    event = EventFactory()
    counts.count_days()
    Event.objects.filter(pk=event.pk).update(type=4103)
    counts.count_days()
    assert [number for _, number, _ in counted(DAY)] == [4103]


def test_whole_months_go_and_their_counts_stay(settings):
    settings.EVENT_RETENTION_MONTHS = 2
    here = PlacementFactory()
    old = [EventFactory(placement=here, type=4201, received_at=at(3, day)) for day in (1, 1, 28)]
    older = EventFactory(placement=here, type=4103, received_at=at(5))
    kept = EventFactory(placement=here, received_at=at(2, 1, 0))
    SetAside.objects.create(event=old[0], server=here.server, set_aside_at=at(3), reason="A reason")
    tasks.retain_events()
    assert list(Event.objects.all()) == [kept]
    assert not SetAside.objects.exists()
    assert counted(MONTH) == [
        (at(5).date().replace(day=1), older.type, 1),
        (at(3).date().replace(day=1), 4201, 3),
    ]
    assert [day for day, *_ in counted(DAY)] == [at(2, 1).date()]
    tasks.retain_events()
    assert len(counted(MONTH)) == 2


def test_nothing_goes_where_all_is_kept(settings):
    settings.EVENT_RETENTION_MONTHS = 0
    EventFactory(received_at=at(40))
    tasks.retain_events()
    assert Event.objects.count() == 1
    assert not counted(MONTH)


@pytest.mark.parametrize("chunks", range(4))
def test_a_removal_that_breaks_off_goes_on_where_it_was(settings, monkeypatch, chunks):
    """Whichever transaction was the last one: no event counts twice, and none is forgotten."""
    settings.EVENT_RETENTION_MONTHS = 2
    monkeypatch.setattr(retention, "_chunk", lambda: 2)
    here = PlacementFactory()
    for number in range(5):
        EventFactory(placement=here, type=4200 + number % 2, received_at=at(4, day=1 + number))
    counts.count_days()

    class BreaksOff(retention.Pacer):
        begun = 0

        def __enter__(self):
            if BreaksOff.begun == chunks:
                raise KeyboardInterrupt
            BreaksOff.begun += 1
            super().__enter__()

    with monkeypatch.context() as patched:
        patched.setattr(retention, "Pacer", BreaksOff)
        with pytest.raises(KeyboardInterrupt):
            retention.remove_old_months()
    retention.remove_old_months()
    month = at(4).date().replace(day=1)
    assert counted(MONTH) == [(month, 4200, 3), (month, 4201, 2)]
    assert not Event.objects.exists()
    assert not counted(DAY)


KILLED = """
import os, signal
import django
django.setup()
from django.conf import settings
from portal.live import retention
settings.EVENT_RETENTION_MONTHS = 2
retention._chunk = lambda: 5
left = [3]
class Pacer(retention.Pacer):
    def __enter__(self):
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        super().__enter__()
retention.Pacer = Pacer
retention.remove_old_months()
"""


@pytest.mark.django_db(transaction=True)
def test_a_removal_that_is_killed_goes_on_where_it_was(settings):
    """kill -9 in the middle, a process of its own on this very database."""
    settings.EVENT_RETENTION_MONTHS = 2
    here = PlacementFactory()
    for number in range(40):
        EventFactory(placement=here, received_at=at(4, day=1 + number % 20))
    counts.count_days()
    url = f"sqlite:///{connection.settings_dict['NAME']}"
    if connection.vendor == "postgresql":
        url = "postgresql://{user}:{password}@/{dbname}?host={host}".format(
            **{"password": "", **connection.get_connection_params()}
        )
    environment = {**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "portal.settings"}
    child = subprocess.run([sys.executable, "-c", KILLED], env=environment, check=False)
    assert child.returncode == -signal.SIGKILL
    assert 0 < Event.objects.count() < 40
    retention.remove_old_months()
    assert not Event.objects.exists()
    assert [count for *_, count in counted(MONTH)] == [40]


def test_the_bars_show_what_somebody_may_see(reseller, outsider, provider):
    now = timezone.now()
    mine, theirs = PlacementFactory(tenant=reseller.tenant), PlacementFactory(tenant=outsider.tenant)
    for placement, number in ((mine, 3), (theirs, 4)):
        EventFactory.create_batch(number, placement=placement, received_at=now)
    EventFactory(placement=mine, type=4103, received_at=now)
    counts.count_days()
    url = reverse("live:activity-counts")

    def total(who, /, **query):
        return who.client().get(url, query).context["total"]

    assert total(reseller) == 4
    assert total(provider) == 8
    assert total(provider, type="job", server=theirs.server_id) == 4
    assert total(reseller, type="4103", by="month") == 1
    assert total(provider, tenant=mine.tenant_id) == 4
    assert reseller.client().get(url, {"server": theirs.server_id}).status_code == 422


def test_months_whose_events_are_gone_still_have_their_bar(provider, settings):
    settings.EVENT_RETENTION_MONTHS = 2
    EventFactory(received_at=at(3))
    EventFactory(received_at=at(1))
    tasks.retain_events()
    response = provider.client().get(reverse("live:activity-counts"), {"by": "month"})
    bars = {bar.begins_on: bar for bar in response.context["bars"] if bar.count}
    assert [bars[month].count for month in sorted(bars)] == [1, 1]
    assert [bool(bars[month].url) for month in sorted(bars)] == [False, True]
    assert "as figures" in response.content.decode().lower()


def test_a_bar_leads_to_its_events(provider):
    EventFactory(summary="Of that day", received_at=timezone.now() - timedelta(days=2))
    EventFactory(summary="Of today", received_at=timezone.now())
    counts.count_days()
    browser = provider.client()
    bars = browser.get(reverse("live:activity-counts"), {"type": "job"}).context["bars"]
    (bar,) = [bar for bar in bars if bar.begins_on == timezone.now().date() - timedelta(days=2)]
    listed = browser.get(bar.url)
    assert [event.summary for event in listed.context["page"]] == ["Of that day"]


def test_a_migration_of_months_across_a_year():
    assert counts.month_of(date(2026, 1, 31), -1) == date(2025, 12, 1)
    assert counts.month_of(date(2026, 12, 5), 2) == date(2027, 2, 1)
