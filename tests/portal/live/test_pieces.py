"""What the hub draws of events and Jobs."""

import datetime as dt

import pytest
from django.urls import reverse
from django.utils import timezone

from portal.live.pieces import render_pieces
from portal.live.templatetags.live_tags import event_url
from portal.live.topics import Topic
from tests.factories import EventFactory, JobFactory

HOW_EVENTS_STAND = [
    {"state": "succeeded"},
    {"state": "running"},
    {"state": "", "problem": "It has no Job."},
    {"state": "", "type": 99_999},
    {"source": "portal", "type": 1, "summary": "Not observed: the stream was cut"},
    {"source": "portal", "type": 2, "summary": "Not observed: the stream was cut"},
]


@pytest.fixture
def events(provider):
    began = timezone.now() - dt.timedelta(hours=5)
    return [EventFactory(received_at=began, happened_at=began, **how) for how in HOW_EVENTS_STAND]


def drawn(events):
    topics = {Topic("activity")}
    return {piece.dom_id: piece.html for piece in render_pieces({"event": {e.pk: topics for e in events}})}


def test_lines_take_one_query_whatever_they_tell(events, django_assert_num_queries):
    with django_assert_num_queries(1):
        lines = drawn(events)
    assert set(lines) == {f"event-{event.pk}" for event in events}


def test_a_line_is_the_one_of_the_page(events, provider):
    page = provider.client().get(reverse("live:activity")).content.decode()
    for line in drawn(events).values():
        assert line in page


def test_how_jobs_stand_takes_one_query_and_is_as_on_their_page(provider, django_assert_num_queries):
    ended = timezone.now()
    began = ended - dt.timedelta(minutes=3)
    jobs = [
        JobFactory(state="failed", status=7002, started_at=began, ended_at=ended),
        JobFactory(state="running", status=6001, ended_at=None, progress_items=4, progress_items_total=10),
    ]
    with django_assert_num_queries(1):
        pieces = list(render_pieces({"job": {job.pk: {Topic("jobs")} for job in jobs}}))
    assert {piece.tenant_id for piece in pieces} == {job.tenant_id for job in jobs}
    page = provider.client().get(reverse("jobs:job-list")).content.decode()
    for piece in pieces:
        assert piece.html in page


@pytest.mark.parametrize("pk", [1, 7_000_000_123])
def test_the_address_of_an_event_is_its_own(pk):
    assert event_url(pk) == reverse("live:event-detail", args=[pk])
