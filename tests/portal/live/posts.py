"""Events as a Comet Server posts them, and as its stream brings them."""

import json
from typing import Any
from uuid import uuid4

from cryptography.fernet import Fernet
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from portal.live.inbox import take_in
from portal.live.ingest import ingest
from portal.live.models import StreamLease, WebhookIntake
from portal.live.webhooks import SECRET_HEADER, intake_of, secret_of
from tests.factories import DeviceFactory
from tests.portal.live.events import JOB_ENDED, SUCCEEDED, arrival, job

FENCE = 7
TRACING = "x-Comet-Tracing-Id"


def posting_device(settings: Any) -> Any:
    """A Device whose server posts its events, and is followed by a relay."""
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    device = DeviceFactory(name="FIN-SRV-02")
    StreamLease.objects.create(server=device.server, holder="relay", fence=FENCE)
    intake = intake_of(device.server)
    WebhookIntake.objects.filter(pk=intake.pk).update(set_up_at=timezone.now())
    return device


def post(device: Any, event: dict[str, Any] | str, *, tracing: str = "", **headers: str) -> Any:
    """The answer; what was kept is taken in afterwards, as a relay does."""
    answer = only_post(device, event, tracing=tracing, **headers)
    while take_in(device.server_id):
        pass
    return answer


def only_post(device: Any, event: dict[str, Any] | str, *, tracing: str = "", **headers: str) -> Any:
    intake = intake_of(device.server)
    body = event if isinstance(event, str) else json.dumps(event)
    headers = {SECRET_HEADER: secret_of(intake), TRACING: tracing or str(uuid4())} | headers
    url = reverse("live:webhook-receive", args=[intake.key])
    return Client().post(url, body, content_type="application/json", headers=headers)


def ended(device: Any, guid: str = "j1", **envelope: Any) -> dict[str, Any]:
    return {"Type": JOB_ENDED, "Data": job(guid, SUCCEEDED, device=device), **envelope}


def streamed(device: Any, *events: dict[str, Any]) -> Any:
    arrivals = [
        arrival(
            place, event["Type"], event.get("Data"), **{k: event[k] for k in event.keys() - {"Type", "Data"}}
        )
        for place, event in enumerate(events)
    ]
    return ingest(device.server_id, uuid4(), arrivals, fence=FENCE)
