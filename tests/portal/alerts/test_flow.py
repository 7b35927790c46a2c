"""From a Job on an emulated Comet Server to the mail, and back again when the next one goes well."""

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from portal.alerts import sending, tasks
from portal.alerts.mail import send_mail
from portal.alerts.models import Alert, Message
from portal.fleet.models import Device, ProtectedItem
from portal.jobs.models import Job
from portal.jobs.sync import remedial_sync
from tests.emulated import sync
from tests.portal.alerts.conftest import wants_mail

SUCCEEDED, FAILED = 5000, 7002


@pytest.fixture
def evaluated(monkeypatch):
    """Runs what would be queued at once, and keeps which items it was for."""
    asked = []

    def run(name, item_ids):
        asked.append(sorted(item_ids))
        tasks.evaluate(item_ids)

    monkeypatch.setattr(tasks, "send_task_on_commit", run)
    return asked


def run_job(emulator, server, device, status):
    """Let one backup of `device` end with `status`, and the portal hear of it; gives its Protected Item."""
    began = timezone.now()
    named = {"username": device.profile.username, "device_id": device.device_id}
    emulator.order("jobs/outcome", **named, status=status)
    guid = emulator.order("jobs/start", **named, duration_seconds=1)["guid"]
    emulator.order("advance", seconds=3)
    remedial_sync(server, began - timedelta(seconds=5))
    job = Job.objects.get(guid=guid)
    return ProtectedItem.objects.get(profile=job.profile, guid=job.item_guid)


def send_due():
    Message.objects.filter(state="waiting").update(due_at=timezone.now())
    for pk, _ in sending.list_due():
        sending.deliver(pk, send_mail)


@pytest.mark.django_db
def test_a_job_that_fails_opens_the_next_good_one_closes_and_the_next_bad_one_opens_once(
    emulator, linked, provider, evaluated
):
    sync(linked, provider.user)
    device = Device.objects.filter(state="succeeded").select_related("profile").order_by("pk").first()
    wants_mail(provider)
    evaluated.clear()

    item = run_job(emulator, linked, device, FAILED)
    alert = Alert.objects.get(item=item)
    assert (item.last_state, alert.is_open, alert.openings_count) == ("failed", True, 1)
    send_due()
    assert alert.label in "".join(sent.body for sent in mail.outbox)

    item = run_job(emulator, linked, device, SUCCEEDED)
    alert.refresh_from_db()
    assert (item.last_state, alert.is_open) == ("succeeded", False)

    for _ in range(2):
        run_job(emulator, linked, device, FAILED)
    alert.refresh_from_db()
    assert (alert.is_open, alert.openings_count) == (True, 2)
    turns = [ids for ids in evaluated if item.pk in ids]
    assert len(turns) == 3  # nothing where the state stayed
