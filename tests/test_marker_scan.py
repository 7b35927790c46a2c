"""The scan itself: each way out is planted with a leak, and the scan must say so."""

import base64
import logging
import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest
import structlog
from celery import current_app
from django.contrib.sessions.backends.db import SessionStore
from django.core.cache import caches
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import Client
from django.urls import path

from portal.accounts import factor_forms
from portal.core import bulk
from portal.core.access import public
from portal.fleet.models import Policy
from portal.tenants.models import Tenant
from tests.factories import CometServerFactory, EventFactory, TenantFactory
from tests.marker_scan import scan
from tests.marks import MARK, MARKED_KEY, marked

ROOT = Path(__file__).resolve().parent.parent
LEAK = marked("planted")


@public
def leaking(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"<p>{LEAK}</p>")


@public
def leaking_header(request: HttpRequest) -> HttpResponse:
    return HttpResponse(headers={"X-Told": LEAK})


@public
def leaking_stream(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(iter([b"one", LEAK.encode()]))


urlpatterns = [
    path("page/", leaking, name="page"),
    path("header/", leaking_header, name="header"),
    path("stream/", leaking_stream, name="stream"),
]


def found() -> str:
    """What the scan saw; it is then forgotten, so that this test passes."""
    return "\n".join(scan.take())


@pytest.mark.urls(__name__)
@pytest.mark.parametrize("name", ["page", "header", "stream"])
def test_an_answer(name):
    response = Client().get(f"/{name}/")
    if response.streaming:
        b"".join(response.streaming_content)

    assert f"answer of {name}" in found()


@pytest.mark.parametrize("log", [logging.getLogger("portal.x").warning, structlog.get_logger("x").warning])
def test_a_log_line(log):
    log(f"something about {LEAK}")

    assert "log line of" in found()


def test_a_traceback_in_the_log():
    try:
        raise ValueError(f"the value {LEAK} is wrong")
    except ValueError:
        logging.getLogger("portal.x").exception("failed")

    assert "log line of portal.x" in found()


def test_a_celery_message():
    current_app.send_task("portal.jobs.tasks.poll_progress", args=[LEAK])

    said = found()
    assert "Celery message to portal.jobs.tasks.poll_progress" in said
    assert "sent to Redis" in said


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "where"), [("redis", "sent to Redis"), ("default", "database: INSERT INTO")]
)
def test_the_caches(name, where):
    caches[name].set("a-key", {"held": LEAK})
    assert where in found()


@pytest.mark.django_db
def test_a_row_and_its_change():
    tenant = TenantFactory(name=LEAK)
    assert "database: INSERT INTO" in found()
    Tenant.objects.filter(pk=tenant.pk).update(name=f"{LEAK}, changed")
    assert "database: UPDATE" in found()


@pytest.mark.django_db
def test_json_in_a_row():
    EventFactory(data={"deep": [{"inside": LEAK}]})
    assert "database: INSERT INTO" in found()


@pytest.mark.django_db
def test_rows_written_in_bulk():
    """Handed to the driver past Django, by COPY on PostgreSQL."""
    server = CometServerFactory()
    bulk.upsert(Policy, [(server.pk, "a guid", LEAK)], unique=["server_id", "guid"], update=["name"])

    assert "bulk rows" in found()


@pytest.mark.django_db
def test_a_session():
    """Its content is signed and packed, so that no look at the row would tell."""
    store = SessionStore()
    store["kept"] = {"inside": LEAK}
    store.save()

    assert "session in the database" in found()


@pytest.mark.parametrize(
    "form",
    [
        LEAK.upper(),
        LEAK.encode().hex(),
        base64.b64encode(f"x{LEAK}".encode()).decode(),
        base64.b64encode(f"xy{LEAK}".encode()).decode(),
        base64.urlsafe_b64encode(LEAK.encode()).decode(),
        MARKED_KEY,
    ],
)
def test_a_secret_in_another_form(form):
    scan.look("here", f"something {form} something")
    assert "here" in found()


def test_what_the_portal_makes_up_is_marked_too():
    scope = {"__name__": "portal.somewhere", "secrets": secrets}
    made = eval("secrets.token_urlsafe(32)", scope)
    assert (made.startswith(MARK), len(made)) == (True, 43)
    assert not secrets.token_urlsafe(32).startswith(MARK)
    assert factor_forms.generate_totp_secret().startswith(MARK.upper())


@pytest.mark.django_db
def test_what_is_sealed_is_no_leak():
    CometServerFactory(password=LEAK)
    assert found() == ""


def test_a_test_that_leaks_fails(tmp_path):
    """The whole way: a run of its own, of a test that passes but for what it logs."""
    leaking_test = tmp_path / "test_leaking.py"
    leaking_test.write_text(
        "import logging\nfrom tests.marks import marked\n\n\n"
        "def test_leaking():\n    logging.getLogger('portal.x').warning('told: %s', marked('x'))\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", "-p", "no:cacheprovider"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}

    ended = subprocess.run(
        [*command, "-c", ROOT / "pyproject.toml", leaking_test],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )

    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "A secret of the tests was found" in ended.stdout
    assert "log line of portal.x" in ended.stdout
