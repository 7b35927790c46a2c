"""What masking takes out of log lines and error reports, and what it leaves."""

import logging
import sys
import time

import pytest
import structlog
from django.test import RequestFactory
from django.views.debug import ExceptionReporter

from portal.core.encryption import Secret
from portal.core.error_reports import ErrorReportFilter
from portal.core.logs import logging_config
from portal.core.masking import REMOVED, mask, mask_text

VALUE = "4f1c9a77e0b2"


@pytest.mark.parametrize(
    "text",
    [
        f"POST Username=admin&AuthType=Password&Password={VALUE}",
        f'{{"SessionKey": "{VALUE}", "Username": "admin"}}',
        f"{{'totp_seed': '{VALUE}'}}",
        f"Authorization: Bearer {VALUE}",
        f"Set-Cookie: sessionid={VALUE}; Path=/",
        f"redis://:{VALUE}@127.0.0.1:6379/0 does not answer",
        f"postgres://perihelion:{VALUE}@db/perihelion",
        f"token={VALUE}",
        f"Not Found: /invitations/{VALUE}/",
        f"Not Found: /accounts/password/reset/key/{VALUE}-set-password/",
        f"-----BEGIN RSA PRIVATE KEY-----\n{VALUE}\n-----END RSA PRIVATE KEY-----",
    ],
)
def test_what_has_the_shape_of_a_secret_is_removed(text):
    masked = mask_text(text)
    assert VALUE not in masked
    assert REMOVED in masked


@pytest.mark.parametrize(
    "part",
    ["a-", "_", "totp", "token ", "token=", "-----BEGIN ", "gAAAA", "Bearer ", "/invitations/"],
)
def test_a_long_line_of_a_strangers_making_is_masked_at_once(part):
    line = part * (60_000 // len(part))
    began = time.process_time()
    mask_text(line)
    assert time.process_time() - began < 0.5


@pytest.mark.django_db
def test_sealed_values_are_removed_too():
    token = Secret.seal("value").token
    assert token not in mask_text(f"the row holds {token} now")


@pytest.mark.parametrize(
    "text",
    [
        "fr-par-1 refused the portal's sign-in (403). Give it a new credential.",
        "http://127.0.0.1:8060 did not answer in time",
        "The password of 3 people ends soon",
        "GET /servers/1/ 200",
    ],
)
def test_sentences_are_left_alone(text):
    assert mask_text(text) == text


def test_values_under_a_secrets_name_are_removed_however_deep():
    given = {"outer": [{"api_key": VALUE, "name": "kept", "password": None, "token_used": True}]}
    assert mask(given) == {
        "outer": [{"api_key": REMOVED, "name": "kept", "password": None, "token_used": True}]
    }


@pytest.mark.parametrize("json", [True, False])
def test_a_log_line_shows_no_secret(json):
    options = logging_config(json=json, level="INFO")["formatters"]["structlog"]
    formatter = structlog.stdlib.ProcessorFormatter(
        **{name: value for name, value in options.items() if name != "()"}
    )
    try:
        raise ValueError(f"bad answer: Password={VALUE}")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "", 0, "%s", (f"token={VALUE}",), sys.exc_info())

    said = formatter.format(record)

    assert VALUE not in said
    assert "ValueError" in said


def report(html: bool) -> str:
    request = RequestFactory().post(
        "/servers/link/",
        {"password": VALUE, "name": "kept-name"},
        headers={"Authorization": f"Bearer {VALUE}"},
    )
    request.COOKIES["sessionid"] = VALUE
    session_key, told = VALUE, f"Password={VALUE}"
    try:
        raise ValueError(f"no good: {bool(session_key and told)}")
    except ValueError:
        reporter = ExceptionReporter(request, *sys.exc_info())
    return reporter.get_traceback_html() if html else reporter.get_traceback_text()


@pytest.mark.parametrize("html", [True, False])
def test_an_error_report_shows_no_secret(html, settings):
    settings.ENCRYPTION_KEYS = [VALUE]
    settings.REDIS_URL = f"redis://:{VALUE}@redis/0"
    settings.CACHES = {"default": {"LOCATION": f"redis://:{VALUE}@redis/0"}}
    settings.DATABASES["default"]["PASSWORD"] = VALUE

    said = report(html)

    assert VALUE not in said
    assert "kept-name" in said


def test_the_filter_is_the_one_in_use(settings):
    assert isinstance(ExceptionReporter(None, None, None, None).filter, ErrorReportFilter)
