"""A Job's log, read from an emulated Comet Server over real HTTP."""

import pytest
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from portal.jobs.models import Job
from tests.emulated import sync
from tests.factories import JobFactory

pytestmark = pytest.mark.django_db


def log_url(job, name="job-log"):
    return reverse(f"jobs:{name}", args=[job.pk])


@pytest.fixture
def failed_job(emulator, linked, provider):
    """A Job of the emulated server that failed, with errors in its log."""
    sync(linked, provider.user)
    job = Job.objects.filter(status=7002).first()
    assert job is not None
    return job


def entries(emulator, job, severity):
    log = emulator.call("admin/get-job-log-entries", JobID=job.guid)
    return [entry["Message"] for entry in log if entry["Severity"] == severity]


def test_the_log_is_shown_line_by_line_with_errors_marked(emulator, failed_job, provider):
    response = provider.client().get(log_url(failed_job))

    errors = entries(emulator, failed_job, "E")
    assert errors
    assertContains(response, 'class="log-line log-E"', count=len(errors))
    assertContains(response, 'class="log-line log-I"', count=len(entries(emulator, failed_job, "I")))


def test_the_log_is_narrowed_by_severity_and_text(emulator, failed_job, provider):
    client = provider.client()
    word = entries(emulator, failed_job, "E")[0].split()[0].strip(":,.").lower()

    errors = client.get(log_url(failed_job), {"severity": "E"})
    found = client.get(log_url(failed_job), {"severity": "E", "q": word})
    none = client.get(log_url(failed_job), {"q": "nowhere in this log"})

    assertContains(errors, "log-E")
    assertNotContains(errors, "log-I")
    assertContains(found, "log-E")
    assertContains(none, "No line of the log matches")


def test_the_log_is_downloaded_as_text(emulator, failed_job, provider):
    response = provider.client().get(log_url(failed_job, "job-log-text"), {"severity": "E"})

    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert "attachment" in response["Content-Disposition"]
    lines = response.content.decode().splitlines()
    assert len(lines) == len(entries(emulator, failed_job, "E"))
    assert all(" E " in line for line in lines)


@pytest.mark.parametrize(
    ("order", "values", "said"),
    [
        ("fail", {"http_status": 500}, "has no log to give"),
        ("answer", {"kind": "html"}, "gave an answer that is not a log"),
        ("answer", {"kind": "broken-json"}, "gave an answer that is not a log"),
    ],
)
def test_a_server_in_trouble_costs_a_sentence(emulator, failed_job, provider, order, values, said):
    emulator.order(order, method="AdminGetJobLogEntries", times=50, **values)
    try:
        response = provider.client().get(log_url(failed_job))
        text = provider.client().get(log_url(failed_job, "job-log-text"))
    finally:
        emulator.order("clear")

    assertContains(response, f"{failed_job.server.name} {said}")
    assertContains(response, "Try again")
    assertRedirects(text, reverse("jobs:job-detail", args=[failed_job.pk]))


def test_a_server_that_is_away_costs_a_sentence(linked, provider, unused_tcp_port):
    job = JobFactory()
    linked.api_url = f"http://127.0.0.1:{unused_tcp_port}"
    linked.save()
    Job.objects.filter(pk=job.pk).update(server=linked)

    response = provider.client().get(log_url(job))

    assertContains(response, f"{linked.name} cannot be reached")
    assertContains(response, "Try again")


def test_a_server_without_a_usable_credential_costs_a_sentence(provider):
    assertContains(provider.client().get(log_url(JobFactory())), "credential for comet-")


@pytest.mark.parametrize(
    "query", [{"severity": "X"}, {"q": "x" * 10_000}, {"q": "<script>"}, {"q": "\u202e"}]
)
def test_filters_that_cannot_be_used_are_told(provider, query):
    response = provider.client().get(log_url(JobFactory()), query)

    assertContains(response, "These filters cannot be used", status_code=422)


def test_hostile_lines_are_shown_as_text(provider, monkeypatch):
    from portal.jobs import logs

    line = logs.LogLine(at=logs._moment(1_760_000_000), severity="E", message="<script>alert(1)</script>")
    monkeypatch.setattr(logs, "read_log", lambda job, **filters: [line])

    response = provider.client().get(log_url(JobFactory()))

    assertContains(response, "&lt;script&gt;alert(1)")
    assertNotContains(response, "<script>alert")


def test_a_long_log_shows_its_end_and_says_so(provider, monkeypatch):
    from portal.jobs import logs

    lines = [logs.LogLine(logs._moment(1_760_000_000 + n), "I", f"line {n} of many") for n in range(2500)]
    monkeypatch.setattr(logs, "read_log", lambda job, **filters: lines)

    response = provider.client().get(log_url(JobFactory()))

    assertContains(response, "The last 2,000 of 2,500 lines")
    assertNotContains(response, "line 499 of many")
    assertContains(response, "line 2499 of many")
