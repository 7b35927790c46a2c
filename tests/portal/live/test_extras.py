"""Fields of a frame that the portal does not know: kept without secrets, and shown with their event."""

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from comet.stream import StreamedEvent, read_event
from portal.live.extras import told_beside
from portal.live.models import Event, EventExtra, SetAside
from portal.live.replay import tell_again
from portal.live.retention import _delete_events
from tests.portal.live.events import JOB_ENDED, job
from tests.portal.live.posts import ended, post, posting_device, streamed

pytestmark = pytest.mark.django_db

UNKNOWN = {"Region": "eu-west", "Route": {"Hops": [1, None], "Token": "hunter2"}, "Via": None}
STORED = {"Region": "eu-west", "Route": {"Hops": [1, None], "Token": "(removed)"}, "Via": None}


@pytest.fixture
def device(settings):
    return posting_device(settings)


def test_unknown_fields_are_shown_with_their_event_and_no_secret_is(device, provider):
    device.placement.tenant = provider.tenant
    device.placement.save()
    streamed(device, ended(device, "j1", AccessToken="hunter2", **UNKNOWN), ended(device, "j2"))
    event, plain = Event.objects.order_by("position")

    shown, other = (
        provider.client().get(reverse("live:event-detail", args=[one.pk])).content.decode()
        for one in (event, plain)
    )

    assert told_beside(event) == {**STORED, "AccessToken": "(removed)"}
    assert "Other fields as stored" in shown
    assert "eu-west" in shown
    assert "hunter2" not in shown
    assert "Other fields" not in other
    assert event.data == {**plain.data, "GUID": "j1"}


def test_an_export_of_events_has_them_and_asks_for_them_with_the_events(device, provider):
    device.placement.tenant = provider.tenant
    device.placement.save()
    streamed(device, ended(device, "j1", AccessToken="hunter2", **UNKNOWN), ended(device, "j2"))

    with CaptureQueriesContext(connection) as queries:
        answer = provider.client().get(reverse("live:activity-export-jsonl"))
        lines = b"".join(answer.streaming_content).decode().splitlines()

    told = {record["data"]["GUID"]: record["other_fields"] for record in map(json.loads, lines)}
    assert told == {"j1": {**STORED, "AccessToken": "(removed)"}, "j2": None}
    assert sum("live_eventextra" in query["sql"] for query in queries) == 1


def test_what_has_a_nul_in_it_is_stored_as_well(device):
    streamed(device, ended(device, Region="eu\0west", **{"A\0B": 1}))
    assert told_beside(Event.objects.get()) == {"Region": "eu\ufffdwest", "A\ufffdB": 1}


@pytest.mark.parametrize("posted_first", [True, False])
def test_an_event_that_comes_twice_is_one_and_keeps_them_once(device, posted_first):
    event = ended(device, **UNKNOWN)
    for bring in (post, streamed) if posted_first else (streamed, post):
        bring(device, event)
    assert told_beside(Event.objects.get()) == STORED
    assert EventExtra.objects.count() == 1


def test_events_without_any_cost_no_query(device):
    counts = []
    streamed(device, ended(device, "first"))
    for fields in ({}, UNKNOWN):
        events = [ended(device, f"{number}-{len(fields)}", **fields) for number in range(3)]
        with CaptureQueriesContext(connection) as queries:
            streamed(device, *events)
        counts.append(len(queries))
    assert counts[1] == counts[0] + 1
    assert EventExtra.objects.count() == 3


@pytest.mark.parametrize("known_then", [True, False])
def test_a_replay_keeps_them(device, known_then):
    data = job("poison", 5000, device=device) | {"Status": "no number"}
    streamed(device, {"Type": JOB_ENDED, "Data": data, **UNKNOWN})
    kept = SetAside.objects.get()
    kept.told["Data"]["Status"] = 5000
    if not known_then:  # as of what was no event to the release that stored it
        EventExtra.objects.all().delete()

    assert tell_again(kept) == ""

    assert told_beside(Event.objects.get()) == STORED


def test_they_go_with_their_event(device):
    streamed(device, ended(device, **UNKNOWN))
    at = Event.objects.get().received_at
    assert sum(_delete_events(at.replace(year=at.year + 1))) == 1
    assert not EventExtra.objects.exists()


@pytest.mark.parametrize(
    ("more", "unknown"),
    [
        ({}, {}),
        ({"Data": None}, {}),
        ({"data": 1, "type": 2}, {"data": 1, "type": 2}),
        ({"Data": {"Region": 1}}, {}),
        ({"Region": {"A": [1.5, "x"]}, "Data": 1}, {"Region": {"A": [1.5, "x"]}}),
    ],
)
def test_a_frame_tells_its_unknown_fields(more, unknown):
    item = read_event(json.dumps({"Type": 4200, "Actor": "alice"} | more))
    assert isinstance(item, StreamedEvent)
    assert item.unknown_fields() == unknown
    assert (item.event.type, item.event.actor) == (4200, "alice")


def test_of_what_is_very_long_or_cannot_be_read_none_are_told():
    long = read_event(json.dumps({"Type": 4200, "Region": "x" * 1_100_000}))
    strange = read_event('{"Type":4200,"Region":1e99999}')
    assert isinstance(long, StreamedEvent)
    assert isinstance(strange, StreamedEvent)
    assert long.unknown_fields() == strange.unknown_fields() == {}
