"""Rows given as values are stored as instances would be."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import transaction

from portal.core.inserts import Inserts
from portal.live.models import Event
from tests.factories import PlacementFactory

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 2, 12, 0, 0, 25, tzinfo=UTC)
NAMES = ("server_id", "placement_id", "received_at", "happened_at", "connection", "position", "type", "data")
REST = ("source", "digest", "tracing_id", "group", "type_string", "actor", "organization_id")
TEXTS = ("resource_id", "summary", "state", "problem")


def values(placement, number, connection, data):
    texts = ("stream", "", "", "other", "", "", "", f'it\'s "%s" {{{number},\\}}', 'ünï, NULL "', "", "")
    at = NOON + timedelta(seconds=number)
    return (placement.server_id, placement.pk, at, at, connection, number, 4000 + number, data, *texts)


def test_rows_are_stored_as_they_were_given_and_their_ids_come_in_their_order():
    placement, connection = PlacementFactory(), uuid4()
    Event.objects.create(
        placement=placement, server=placement.server, received_at=NOON, happened_at=NOON, type=1
    )
    told = [{"a": 'quo"te, {x} \\', "n": [1, 2.5, None, 2**70]}, None, [], "text", {}]
    with transaction.atomic():
        ids = Inserts(Event, (*NAMES, *REST, *TEXTS)).write(
            [values(placement, number, connection, data) for number, data in enumerate(told)]
        )
    stored = Event.objects.in_bulk(ids)
    assert [stored[pk].position for pk in ids] == [0, 1, 2, 3, 4]
    assert [stored[pk].data for pk in ids] == told
    first = stored[ids[0]]
    assert (first.received_at, first.connection, first.posted_at, first.job) == (NOON, connection, None, None)
    assert (first.resource_id, first.summary) == ('it\'s "%s" {0,\\}', 'ünï, NULL "')
    assert Event.objects.filter(data__isnull=True).count() == 2  # one has none, and the first one here


def test_one_row_and_thousands_cost_one_insert(django_assert_max_num_queries):
    placement = PlacementFactory()
    inserts = Inserts(Event, (*NAMES, *REST, *TEXTS))
    for count in (1, 3000):
        with transaction.atomic(), django_assert_max_num_queries(2):
            ids = inserts.write([values(placement, n, None, {"n": n}) for n in range(count)])
        assert len(set(ids)) == count
    assert list(Event.objects.filter(pk__in=ids[-2:]).order_by("pk").values_list("data__n", flat=True)) == [
        2998,
        2999,
    ]


def test_no_rows_ask_nothing(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert Inserts(Event, NAMES).write([]) == []
