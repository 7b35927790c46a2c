"""The portal's real processes and a real Chromium. A failed test leaves a picture in test-results/."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from oidc_provider_mock import User, run_server_in_thread
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.environment import chromium
from tests.environment.portal import ROOT, RunningPortal

RESULTS = ROOT / "test-results"
PATIENCE_MS = 30_000
"""As long as Playwright waits for a click: a page asks again every five or six seconds, longer on a busy
machine. Where it matters how soon something is there, a test says so itself."""

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="session")
def running_portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPortal]:
    """Everything `make run` starts, on free ports, with data of its own; one for a process of tests."""
    RESULTS.mkdir(exist_ok=True)
    staff = User(sub="staff", claims={"email": "technician@demo.example", "email_verified": True})
    with run_server_in_thread(user_claims=[staff]) as provider:
        settings = {
            "OIDC_ISSUER": f"http://localhost:{provider.server_port}",
            "OIDC_CLIENT_ID": "perihelion",
            "OIDC_CLIENT_SECRET": "of-the-tests-only",
            "OIDC_NAME": "Northern Staff",
            "SIGN_INS_PER_MINUTE": "1000",  # all tests sign in from one address
        }
        data = tmp_path_factory.mktemp("portal") / "data"
        log = RESULTS / f"portal-{os.environ.get('PYTEST_XDIST_WORKER', 'only')}.log"
        with RunningPortal(data, log, settings=settings) as portal:
            yield portal


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    executable = chromium.find()
    if executable is None:
        pytest.fail("No Chromium or Chrome on the PATH. Debian: apt install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(chromium.FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser, running_portal: RunningPortal) -> Iterator[BrowserContext]:
    """A browser of a person of its own: no cookie of another test."""
    with browser.new_context(
        base_url=running_portal.url, viewport={"width": 1440, "height": 900}, reduced_motion="reduce"
    ) as context:
        yield context


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page; an uncaught error in its scripts fails the test."""
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    assert not errors, "the page's scripts raised: " + "; ".join(errors)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Add pictures of the open pages and the portal's last words to a failed test's report."""
    report = yield
    if report.failed and hasattr(item, "funcargs"):
        browser = item.funcargs.get("browser")
        contexts = browser.contexts if browser else []
        for number, page in enumerate(page for context in contexts for page in context.pages):
            _take_picture(
                page, RESULTS / f"{re.sub(r'[^A-Za-z0-9_-]+', '-', item.name)}-{number}.png", report
            )
        portal = item.funcargs.get("running_portal")
        if portal is not None:
            report.sections.append(("the portal's last words", portal.log_tail()[-8000:]))
    return report


def _take_picture(page: Page, path: Path, report: pytest.TestReport) -> None:
    try:
        page.screenshot(path=path, full_page=True)
    except Exception as exc:  # a page that is gone must not hide why the test failed
        report.sections.append(("no picture", str(exc)))
    else:
        report.sections.append((f"picture of {page.url}", str(path)))
