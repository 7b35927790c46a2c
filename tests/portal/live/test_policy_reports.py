"""What browsers report of a page's policy: counted, said once a minute, and kept nowhere."""

import json

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from portal.core.policy_reports import LONGEST
from tests.marks import marked

pytestmark = pytest.mark.django_db


def report(body):
    text = body if isinstance(body, str) else json.dumps(body)
    return Client(enforce_csrf_checks=True).post(
        reverse("core:policy-report"), text, content_type="application/csp-report"
    )


def violation(**fields):
    return {"csp-report": {"effective-directive": "script-src-elem", **fields}}


def test_a_report_is_counted_and_said_without_any_address_of_ours(refused, said):
    secret = marked("reset-token")
    told = violation(
        **{
            "blocked-uri": f"https://evil.example.com/x.js?{secret}",
            "document-uri": f"https://portal.example.com/reset/{secret}/",
            "script-sample": secret,
        }
    )
    with CaptureQueriesContext(connection) as asked:
        assert [report(told).status_code for _ in range(5)] == [204] * 5
    assert len(asked) == 0
    assert refused("page") == {"policy": 5}
    [line] = said("page")
    assert (line["directive"], line["blocked"]) == ("script-src-elem", "https://evil.example.com")


def test_what_was_written_into_the_page_itself_is_said_as_such(said):
    report(violation(**{"blocked-uri": "inline"}))
    assert said("page")[0]["blocked"] == "inline"


@pytest.mark.parametrize(
    "body", ["", "[]", "{}", "x", '{"csp-report": 5}', '{"csp-report": {"blocked-uri": 5}}']
)
def test_what_is_no_report_is_refused_and_not_counted(refused, body):
    assert report(body).status_code == 400
    assert refused("page") == {}


def test_a_report_that_is_too_long_is_refused(refused):
    assert report(violation(note="x" * LONGEST)).status_code == 413
    assert refused("page") == {}


def test_pages_tell_browsers_where_to_report(client):
    policy = client.get("/accounts/login/")["Content-Security-Policy"]
    assert f"report-uri {reverse('core:policy-report')}" in policy
