"""What several browser tests do: sign in, wait, give an emulated server an order."""

from collections.abc import Callable
from typing import Any

import requests
from playwright.sync_api import Page, expect

from tests.environment.portal import EmulatedServer, RunningPortal


def sign_in(page: Page, portal: RunningPortal, key: str) -> None:
    """Sign in as one of the demo's people: owner, technician, reseller, customer."""
    page.goto("/accounts/login/")
    fill_sign_in(page, *portal.sign_ins[key])
    expect(page.locator("h1")).to_be_visible()
    page.wait_for_url(lambda url: "login" not in url)


def fill_sign_in(page: Page, email: str, password: str) -> None:
    """Fill in the form that is shown, and send it."""
    page.locator("input[name=login]").fill(email)
    page.locator("input[name=password]").fill(password)
    page.locator("form button[type=submit]").first.click()


def open_live(page: Page, path: str) -> None:
    """Open a page and wait until its websocket is admitted."""
    page.goto(path)
    wait_until_live(page)
    page.mouse.move(5, 890)  # nothing moves under the pointer


def wait_until_live(page: Page) -> None:
    page.wait_for_selector("#live-state[data-state=live]", state="attached")


def wait_for(page: Page, condition: Callable[[], Any]) -> None:
    """Until something is so that the page itself does not show; its events are heard meanwhile."""
    for _ in range(600):
        if condition():
            return
        page.wait_for_timeout(50)
    raise AssertionError("it did not come true in 30 s")


def order(control_url: str, path: str, **body: Any) -> dict[str, Any]:
    """Give an emulator's control plane an order."""
    answer = requests.post(f"{control_url}/{path}", json=body, timeout=10)
    answer.raise_for_status()
    return dict(answer.json())


def call(server: EmulatedServer, path: str, **parameters: str) -> Any:
    """Ask an emulated server as its administrator; decoded answer."""
    form = {"Username": server.admin, "AuthType": "Password", "Password": server.password, **parameters}
    return requests.post(f"{server.url}/api/v1/{path}", data=form, timeout=20).json()
