"""Why Jobs failed, in a form that groups equal causes."""

import pytest

from portal.fleet.models import ProtectedItem
from portal.jobs.messages import NO_MESSAGE, fetch_messages, normalise
from portal.jobs.models import Job
from portal.jobs.states import state_of, word_of
from portal.servers import clients
from tests.emulated import sync


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            r"Couldn't open 'C:\Users\anna\mail.pst': The process cannot access the file",
            r"Couldn't open 'D:\Data\b.pst': The process cannot access the file",
        ),
        ("open /home/anna/a.txt: permission denied", "open /srv/b/c.txt: permission denied"),
        (
            "Vault 5f0c1d2e-aaaa-4bbb-8ccc-0123456789ab is locked",
            "Vault 00000000-1111-4222-8333-444455556666 is locked",
        ),
        ("dial tcp 10.1.2.3:443: timeout", "dial tcp 192.168.9.9:8060: timeout"),
        ("Quota exceeded: 12.5 GB of 10 GB", "Quota exceeded: 800 MB of 500 MB"),
        ("PUT https://a.example.com/x/1: 503", "PUT https://b.example.com/y/2: 503"),
        ("Failed at 2026-03-02T10:00:00Z", "Failed at 2025-12-31T23:59:59Z"),
    ],
)
def test_equal_causes_read_alike(one, other):
    assert normalise(one) == normalise(other)
    assert "…" in normalise(one)


def test_different_causes_stay_apart():
    assert normalise("Access denied") != normalise("Vault is locked")
    assert len(normalise("x y" * 10_000)) == 255


@pytest.mark.django_db
def test_the_causes_of_failed_jobs_are_read_from_their_logs_a_few_at_a_time(linked, provider, monkeypatch):
    sync(linked, provider.user)
    bad = Job.objects.filter(state__in=["failed", "warning"])
    assert bad.exclude(message="").count() == 0
    monkeypatch.setattr("portal.jobs.messages.PER_SERVER", 3)

    assert fetch_messages(linked, clients.for_server(linked)) == min(3, bad.count())

    told = bad.exclude(message="")
    assert told.count() == min(3, bad.count()) > 0
    assert set(told.values_list("message", flat=True)) != {NO_MESSAGE}
    for item in ProtectedItem.objects.filter(last_job_guid__in=told.values("guid")):
        assert item.last_message == Job.objects.get(guid=item.last_job_guid).message


@pytest.mark.django_db
def test_causes_are_written_under_the_lock_of_whoever_works_out_the_items(linked, monkeypatch):
    locked = []
    monkeypatch.setattr("portal.jobs.messages.lock_server", locked.append)

    fetch_messages(linked, clients.for_server(linked))

    assert locked == [linked]


@pytest.mark.parametrize(
    ("status", "ended", "state", "word"),
    [
        (5000, 1, "succeeded", "Succeeded"),
        (5999, 1, "succeeded", "Succeeded"),
        (6001, None, "running", "Running"),
        (6004, None, "running", "Waiting for the device"),
        (6001, 1, "interrupted", "Running"),
        (7000, 1, "failed", "Failed: timed out"),
        (7001, 1, "warning", "Warning"),
        (7002, 1, "failed", "Failed: error"),
        (7003, 1, "failed", "Failed: quota"),
        (7004, 1, "missed", "Missed"),
        (7005, 1, "skipped", "Cancelled"),
        (7006, 1, "skipped", "Skipped: already running"),
        (7007, 1, "failed", "Failed: abandoned"),
        (7321, 1, "failed", "Failed"),
        (0, None, "unknown", "No data"),
        (8000, None, "unknown", "No data"),
    ],
)
def test_states_follow_from_the_numbers(status, ended, state, word):
    assert (state_of(status, ended), word_of(status)) == (state, word)
