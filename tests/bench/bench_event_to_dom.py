"""From a Comet Server's event to the changed row in a browser, through every real process.

The emulated server sends the end of one Job again and again, each time with another result. The
clock starts before the order to send it is given, and stops in the page, where the row has changed.
"""

import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import requests
from playwright.sync_api import Page, sync_playwright

from comet.constants import JobStatus
from tests.bench.harness import Result, percentile
from tests.environment import chromium
from tests.environment.portal import EmulatedServer, RunningPortal

EVENTS: Final = 40
WARM_UP: Final = 5
GOAL_MS: Final = 500.0
PATIENCE_MS: Final = 30_000
LONGEST_PAUSE_SECONDS: Final = 0.4
"""Between two events, at random, so that they meet the hub's tick at any moment of it."""

WATCH_THE_ROW: Final = """(id) => {
  window.seen = [];
  const state = () => document.querySelector(`#${id} [data-state], #${id}[data-state]`)?.dataset.state;
  let last = state();
  new MutationObserver(() => {
    if (state() === last) return;
    last = state();
    window.seen.push(Date.now());
  }).observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
}"""


SMALL: Final = {"events": 2, "warm_up": 0}


def run(events: int = EVENTS, warm_up: int = WARM_UP) -> Iterator[Result]:
    with (
        tempfile.TemporaryDirectory(prefix="perihelion-bench-") as folder,
        RunningPortal(Path(folder) / "data", Path(folder) / "portal.log") as portal,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(
            executable_path=chromium.find_or_install(), args=list(chromium.FLAGS)
        )
        page = browser.new_page(base_url=portal.url)
        yield from measure(page, portal, events, warm_up)
        browser.close()


def measure(page: Page, portal: RunningPortal, events: int, warm_up: int) -> Iterator[Result]:
    """In a page of a browser whose base is the portal's address, and that is not signed in."""
    _sign_in(page, *portal.sign_ins["technician"])
    job = _start_job(portal.comet1)
    _open_row(page, job["GUID"])
    delays = list(_delays(page, portal.comet1, job, events + warm_up))[warm_up:]
    yield Result("event_to_dom_p50", percentile(delays, 50), "ms", GOAL_MS, "goal", most=1)
    yield Result("event_to_dom_p95", percentile(delays, 95), "ms", GOAL_MS, "goal", most=1)


def _sign_in(page: Page, email: str, password: str) -> None:
    page.goto("/accounts/login/")
    page.fill("input[name=login]", email)
    page.fill("input[name=password]", password)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "login" not in url)


def _start_job(server: EmulatedServer) -> dict[str, Any]:
    """A Job that ends when it is told to, as the server describes it."""
    profiles = _call(server, "admin/list-users-full")
    username, profile = next((name, found) for name, found in profiles.items() if found["Devices"])
    order = {"username": username, "device_id": next(iter(profile["Devices"])), "duration_seconds": 86_400}
    started = requests.post(f"{server.control_url}/jobs/start", json=order, timeout=10).json()
    return dict(_call(server, "admin/get-job-properties", JobID=started["guid"]))


def _call(server: EmulatedServer, path: str, **parameters: str) -> Any:
    form = {"Username": server.admin, "AuthType": "Password", "Password": server.password, **parameters}
    answer = requests.post(f"{server.url}/api/v1/{path}", data=form, timeout=20)
    answer.raise_for_status()
    return answer.json()


def _open_row(page: Page, guid: str) -> None:
    """The list that holds this Job alone, connected, with its row being watched."""
    until = time.monotonic() + PATIENCE_MS / 1000
    while True:
        page.goto(f"/jobs/?q={guid}")
        row = page.locator("[id^=job-][id$=-status]")
        if row.count():
            break
        if time.monotonic() > until:
            raise TimeoutError("the started Job did not appear in the list")
    page.wait_for_selector("#live-state[data-state=live]", state="attached")
    page.evaluate(WATCH_THE_ROW, row.first.get_attribute("id"))


def _delays(page: Page, server: EmulatedServer, job: dict[str, Any], events: int) -> Iterator[float]:
    """Milliseconds from the order to send an event to the changed row, event by event."""
    with requests.Session() as session:
        for number in range(events):
            status = JobStatus.FAILED_ERROR if number % 2 else JobStatus.STOP_SUCCESS
            told = {**job, "Status": int(status), "EndTime": int(time.time()) + number, "Progress": None}
            event = {
                "Type": 4201,
                "TypeString": "SEVT_JOB_COMPLETED",
                "ResourceID": job["GUID"],
                "Data": told,
            }
            sent_at = time.time()
            session.post(f"{server.control_url}/events/emit", json=event, timeout=10).raise_for_status()
            page.wait_for_function("(count) => window.seen.length > count", arg=number, timeout=PATIENCE_MS)
            yield page.evaluate("(number) => window.seen[number]", number) - sent_at * 1000
            page.wait_for_timeout(random.uniform(0, LONGEST_PAUSE_SECONDS) * 1000)
