"""Forged and broken webhooks, over real HTTP: refused, counted, said once a minute; no honest one waits."""

import gzip
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from statistics import median
from typing import Any
from uuid import uuid4

import pytest
import requests
from cryptography.fernet import Fernet
from django.urls import reverse
from django.utils import timezone

from comet.webhooks import TRACING_HEADER
from portal.core.body_limits import LONGER
from portal.jobs.models import Job
from portal.live.inbox import take_in
from portal.live.models import Event, PostedEvent, WebhookIntake
from portal.live.webhooks import SECRET_HEADER, intake_of, secret_of
from tests.factories import DeviceFactory
from tests.portal.live.events import JOB_ENDED, SUCCEEDED, job

pytestmark = pytest.mark.django_db(transaction=True)

LONGEST = LONGER["/hooks/comet/"]


class Door:
    """The address a server was told to post to, of a portal that listens."""

    def __init__(self, portal: Any, device: Any) -> None:
        self.device = device
        intake = intake_of(device.server)
        WebhookIntake.objects.filter(pk=intake.pk).update(set_up_at=timezone.now())
        self.port = portal.port
        self.path = reverse("live:webhook-receive", args=[intake.key])
        self.url = f"{portal.url}{self.path}"
        self.secret = secret_of(intake)

    def headers(self, **changes: str) -> dict[str, str]:
        return {SECRET_HEADER: self.secret, TRACING_HEADER: str(uuid4())} | changes

    def post(self, body: Any, method: str = "POST", **headers: str) -> int:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return requests.request(
            method, self.url, data=data, headers=self.headers(**headers), timeout=20
        ).status_code

    def post_by_hand(self, head: str, *parts: bytes) -> int:
        """The status of the answer to what no client library would send; read while it is being sent."""
        lines = [f"POST {self.path} HTTP/1.1", "Host: 127.0.0.1", "Connection: close", head]
        lines += [f"{name}: {value}" for name, value in self.headers().items()]
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as line:
            line.sendall("\r\n".join([*lines, "", ""]).encode())
            try:
                for part in parts:
                    line.sendall(part)
            except OSError:  # the portal has hung up, after its answer
                pass
            return int(line.recv(64).split()[1])


@pytest.fixture
def door(live_portal, settings) -> Door:
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    return Door(live_portal, DeviceFactory(name="FIN-SRV-02"))


def ended(door: Door, guid: str = "j1", **envelope: Any) -> dict[str, Any]:
    return {"Type": JOB_ENDED, "Data": job(guid, SUCCEEDED, device=door.device), **envelope}


def test_a_wrong_secret_is_refused_counted_and_said_once(door, refused, said):
    for wrong in ("wrong", "", door.secret[:-1], door.secret + "x", "\xe9"):
        assert door.post(ended(door), **{SECRET_HEADER: wrong}) == 401
    assert not PostedEvent.objects.exists()
    assert refused("webhook") == {"401": 5}
    assert len(said("webhook")) == 1


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_a_wrong_method_is_refused_counted_and_said_once(door, refused, said, method):
    assert [door.post(ended(door), method) for _ in range(2)] == [405, 405]
    assert not PostedEvent.objects.exists()
    assert refused("webhook") == {"405": 2}
    assert len(said("webhook")) == 1


@pytest.mark.parametrize("hours", [0, 100], ids=["at-once", "days-later"])
def test_a_replay_is_taken_and_changes_nothing(door, hours):
    told_at = timezone.now() - timedelta(hours=hours)
    event = ended(door, Timestamp=int(told_at.timestamp()))
    assert door.post(event, **{TRACING_HEADER: "t-1"}) == 200
    take_in(door.device.server_id)
    Event.objects.update(received_at=told_at)
    Job.objects.update(status=SUCCEEDED)
    before = list(Event.objects.values()), list(Job.objects.values())
    for tracing in ("t-1", "t-1", "forged"):
        assert door.post(event, **{TRACING_HEADER: tracing}) == 200
        take_in(door.device.server_id)
    assert (list(Event.objects.values()), list(Job.objects.values())) == before


def test_what_is_too_long_is_refused_before_it_is_read(door, refused, said):
    chunk = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
    assert door.post_by_hand(f"Content-Length: {LONGEST + 1}") == 413
    assert door.post_by_hand("Transfer-Encoding: chunked", *[chunk] * 18) == 413
    assert refused("http") == {"too long": 2}
    assert len(said("http")) == 1


def test_a_bomb_is_not_unpacked(door, refused):
    bomb = gzip.compress(b"\0" * 50_000_000)
    began = time.process_time()
    for encoding in ("gzip", "deflate", "br", "identity, gzip"):
        assert door.post(bomb, **{"Content-Encoding": encoding}) == 415
    assert door.post(bomb) == 400  # said to be plain, it is no event
    assert time.process_time() - began < 1
    assert refused("webhook") == {"415": 4, "400": 1}


@pytest.mark.parametrize("length", ["abc", "-1", "1e3"])
def test_a_length_that_is_no_number_is_refused(door, length):
    assert door.post_by_hand(f"Content-Length: {length}") == 400


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b'{"Type": "4201"}',
        b'{"Type": 0}',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"Type":4201',
        b"\0",
    ],
)
def test_what_is_no_event_is_refused_for_good(door, body):
    assert door.post(body) == 400
    assert not PostedEvent.objects.exists()


def test_what_is_an_event_of_a_kind_is_kept_though_it_cannot_be_applied(door, refused):
    """The server would send again what is refused; this will never be better."""
    assert door.post({"Type": JOB_ENDED, "Data": {"GUID": "\x00", "Status": "x"}}) == 200
    take_in(door.device.server_id)
    assert "could not be applied" in Event.objects.get().problem
    assert refused("event") == {"not applied": 1}


def test_a_flood_of_forgeries_slows_no_honest_server(door, refused, said):
    stop = threading.Event()

    def forge() -> None:
        with requests.Session() as session:
            while not stop.is_set():
                session.post(door.url, data=b"x" * 100_000, headers={SECRET_HEADER: "guess"}, timeout=20)

    with ThreadPoolExecutor(4) as forgers:
        floods = [forgers.submit(forge) for _ in range(4)]
        try:
            waits = []
            for number in range(10):
                began = time.monotonic()
                assert door.post(ended(door, f"j{number}")) == 200
                waits.append(time.monotonic() - began)
        finally:
            stop.set()
        for flood in floods:
            flood.result()
    assert median(waits) < 1.0, waits
    assert refused("webhook")["401"] > 10
    assert len(said("webhook")) == 1
