"""What no Comet Server should send, over a real stream: kept with its reason, counted, said once a minute."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from portal.core import refusals
from portal.fleet.models import Device, UserProfile
from portal.jobs.models import Job
from portal.live.models import Event, StreamLease
from portal.servers.models import SERVER_ITSELF, CometServer
from tests.emulated import link, sync
from tests.emulator_process import start_emulator
from tests.factories import PlacementFactory
from tests.portal.live.bad_events import wrong_frames
from tests.portal.live.events import JOB_ENDED, SUCCEEDED, job
from tests.portal.live.relay_thread import RelayThread
from tests.portal.live.test_relay import is_up
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db(transaction=True)

MARK = "THE_LAST"
AT_ONCE = 400
"""Frames of one order: the emulator cuts off a reader that is further behind."""


def stored(text: str) -> Any:
    return Event.objects.filter(type_string=text)


@pytest.fixture
def streaming(emulator: Any, linked: CometServer, provider: Any) -> Iterator[CometServer]:
    """A mirrored server whose stream is open."""
    sync(linked, provider.user)
    with RelayThread():
        wait_for(lambda: is_up(linked) and Event.objects.exists())  # the hello
        yield linked


@pytest.fixture
def send(emulator: Any) -> Callable[..., None]:
    """Sends frames over the stream, and waits until all that came before is stored."""

    def send_frames(*frames: str, seconds: float = 30) -> None:
        for start in range(0, max(1, len(frames)), AT_ONCE):
            mark = f"{MARK}-{start}"
            last = json.dumps({"Type": 4988, "TypeString": mark})
            assert emulator.order("streams/frames", frames=[*frames[start : start + AT_ONCE], last])[
                "streams"
            ]
            wait_for(lambda mark=mark: stored(mark).exists(), seconds=seconds)
        Event.objects.filter(type_string__startswith=MARK).delete()

    return send_frames


def test_every_field_of_every_event_may_be_wrong(streaming, send, refused, said, caplog):
    device = Device.objects.select_related("profile").first()
    send()  # what the server tells of the relay's own sign-in is stored before
    before = Event.objects.latest("pk").pk
    good = [
        json.dumps({"Type": JOB_ENDED, "Data": job(f"good-{n}", SUCCEEDED, device=device)}) for n in range(9)
    ]
    wrong = list(wrong_frames())
    step = len(wrong) // len(good)
    for place, frame in enumerate(good):
        wrong.insert(place * (step + 1), frame)

    send(*wrong)

    assert is_up(streaming), "one bad frame ended the stream"
    new = Event.objects.filter(pk__gt=before, source="stream")
    assert new.count() == len(wrong)
    assert Job.objects.filter(guid__startswith="good-", state="succeeded").count() == len(good)
    aside = Event.objects.exclude(problem="").count()
    counted = refused("event")
    assert sum(counted.values()) == aside > 500
    assert {line["reason"] for line in said("event")} == set(counted)
    assert not [one for one in caplog.records if one.levelname == "ERROR"]


def test_a_job_from_the_future_is_set_aside_and_its_list_is_read(streaming, send):
    device = Device.objects.select_related("profile").first()
    data = job("early", SUCCEEDED, device=device)
    later = int((timezone.now() + timedelta(days=400)).timestamp())
    send(
        json.dumps({"Type": JOB_ENDED, "Data": data | {"Status": 7002, "EndTime": later}}),
        json.dumps({"Type": JOB_ENDED, "Data": data | {"GUID": "as-it-is"}}),
    )
    assert set(Job.objects.filter(guid__in=["early", "as-it-is"]).values_list("guid", flat=True)) == {
        "as-it-is"
    }
    assert "in the future" in Event.objects.exclude(problem="").get().problem
    assert StreamLease.objects.get().gap_since is not None

    send(json.dumps({"Type": JOB_ENDED, "Data": data}))
    assert Job.objects.get(guid="early").state == "succeeded"


def test_an_event_from_the_future_stands_at_the_time_it_came(streaming, send):
    began = timezone.now()
    later = int((began + timedelta(days=400)).timestamp())
    send(json.dumps({"Type": 4988, "TypeString": "EARLY", "Timestamp": later}))
    event = stored("EARLY").get()
    assert began <= event.happened_at == event.received_at <= timezone.now()


def test_a_device_that_connects_in_the_future_can_go_offline_today(streaming, send):
    device = Device.objects.select_related("profile").first()
    one = {"ResourceID": device.device_id, "Actor": device.profile.username}
    later = int((timezone.now() + timedelta(days=400)).timestamp())
    send(json.dumps({"Type": 4702, "Timestamp": later, **one}))
    now = int(timezone.now().timestamp()) + 3
    Device.objects.filter(pk=device.pk).update(connections=1)
    send(json.dumps({"Type": 4703, "Timestamp": now, **one}))
    device.refresh_from_db()
    assert not device.is_online


def test_what_speaks_of_unknown_users_is_the_server_owners_alone(streaming, send, provider):
    profiles = UserProfile.objects.count()
    nobody = {"Username": "nobody-knows", "DeviceID": "no-device"}
    data = job("orphan", SUCCEEDED) | nobody
    send(
        json.dumps({"Type": JOB_ENDED, "Data": data, "OwnerOrganizationID": "no-organization"}),
        json.dumps({"Type": 4702, "ResourceID": "no-device", "Actor": "nobody-knows"}),
        json.dumps({"Type": 4104, "Data": nobody, "TypeString": "OF_NOBODY"}),
        json.dumps({"Type": 4101, "Data": "nobody-knows"}),
    )
    assert Job.objects.get(guid="orphan").placement.tenant == provider.tenant
    for event in Event.objects.order_by("-pk")[:4]:
        assert event.placement.tenant == provider.tenant
    assert stored("OF_NOBODY").get().placement.organization_id in ("", SERVER_ITSELF)
    assert UserProfile.objects.count() == profiles


def test_five_megabytes_in_one_event_slow_no_other_server(emulator, streaming, send, provider):
    """Another server tells of its jobs meanwhile; each is in the database within a second."""
    with start_emulator(users=2) as other:
        CometServer.objects.update(license_hash="another")
        link(other, provider, name="beside")
        quick = CometServer.objects.latest("pk")
        wait_for(lambda: is_up(quick))
        heavy = [json.dumps({"Type": 4988, "TypeString": "HEAVY", "Data": heap}) for heap in heaps()]
        sending = threading.Thread(target=send, args=heavy)
        sending.start()
        lags = []
        while sending.is_alive():
            text, began = f"BESIDE-{len(lags)}", time.monotonic()
            other.order("events/emit", Type=4988, TypeString=text)
            wait_for(lambda text=text: stored(text).exists())
            lags.append(time.monotonic() - began)
        sending.join()
    assert sorted(lags)[-2] < 1.0, lags  # one may have met the machine at work elsewhere
    kept = stored("HEAVY")
    assert kept.count() == len(heavy)
    assert all(event.data is None and "1 MiB" in event.problem for event in kept)


def heaps() -> Iterator[Any]:
    """Data of 5 MB, of the kinds that cost most to look through."""
    yield {"Note": "y" * 5_000_000}
    yield {f"key-{n}": {"Password": "x", "b": [1, 2]} for n in range(130_000)}
    yield [[]] * 1_600_000
    yield "\\" * 2_500_000


def test_said_is_once_a_minute_and_with_how_often_it_was_not(said, monkeypatch):
    now = 1000.0
    monkeypatch.setattr(refusals.time, "monotonic", lambda: now)
    for _ in range(5):
        refusals.note_refusal("event", "unreadable", server_id=1)
    refusals.note_refusal("event", "not applied", server_id=1)
    assert [line["reason"] for line in said("event")] == ["unreadable", "not applied"]
    now += refusals.SAY_EVERY_SECONDS
    refusals.note_refusal("event", "unreadable", server_id=1)
    assert said("event")[-1]["silent_before"] == 4


def test_a_large_profile_is_mirrored_and_its_event_belongs_to_whom_the_user_was_given(
    streaming, send, outsider
):
    """Its names are read, so that nobody sees the activity of a user who was placed elsewhere."""
    profile = UserProfile.objects.order_by("pk").first()
    by_hand = PlacementFactory(
        server=streaming,
        tenant=outsider.tenant,
        organization_id=profile.organization_id,
        username=profile.username,
    )
    UserProfile.objects.filter(pk=profile.pk).update(placement=by_hand)
    told = {"Username": profile.username, "OrganizationID": profile.organization_id, "AccountName": "Grown"}
    send(json.dumps({"Type": 4102, "TypeString": "GROWN", "Data": told | {"Note": "n" * 2_000_000}}))
    assert stored("GROWN").get().placement == by_hand
    profile.refresh_from_db()
    assert profile.account_name == "Grown"
