"""Comet opened signed in, by a real browser: in a window of its own and embedded, then ended."""

import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page, Request, expect

from tests.browser.steps import sign_in
from tests.environment.portal import RunningPortal

pytestmark = pytest.mark.browser
REASON = "Ticket 4711"
KEY_PATH = re.compile(r"/sso/launches/[0-9a-f-]+/key/$")


def open_launcher(page: Page, name: str = "Open Comet") -> Page:
    """The launcher, in the tab of its own that a link opens."""
    with page.expect_popup() as popup:
        page.get_by_role("link", name=name).first.click()
    launcher = popup.value
    launcher.get_by_label("Reason").fill(REASON)
    return launcher


def open_server(page: Page) -> None:
    page.goto("/servers/")
    page.locator("#content tbody a").first.click()
    page.wait_for_url(re.compile(r"/servers/\d+/$"))


def open_window(launcher: Page) -> Page:
    with launcher.expect_popup() as popup:
        launcher.get_by_role("button", name="Open Comet in a window").click()
    return popup.value


def test_server_administrator_in_a_window_and_ended(page: Page, running_portal: RunningPortal):
    sign_in(page, running_portal, "technician")
    open_server(page)
    launcher = open_launcher(page)
    assert launcher.evaluate("window.opener") is None

    comet = open_window(launcher)

    expect(comet.get_by_test_id("signed-in-as")).to_have_text(re.compile("server administrator"))
    expect(comet.get_by_test_id("signed-in-by")).to_have_text("session_login message")
    expect(launcher.locator("[data-launch-state=open]")).to_be_visible()

    launcher.get_by_role("button", name="End session").first.click()

    expect(launcher.locator("[data-launch-state=ended]")).to_be_visible()
    assert comet.is_closed()


def test_end_user_embedded(page: Page, running_portal: RunningPortal):
    sign_in(page, running_portal, "technician")
    page.goto("/users/")
    page.locator("#content tbody a").first.click()
    page.wait_for_url(re.compile(r"/users/\d+/$"))
    launcher = open_launcher(page, "Open Comet as this user")

    launcher.get_by_role("button", name="Open it inside this page").click()

    frame = launcher.frame_locator("iframe.comet-frame")
    expect(frame.get_by_test_id("signed-in-as")).to_have_text(re.compile("end user"))
    expect(frame.get_by_test_id("signed-in-by")).to_have_text("user_session_login message")
    expect(launcher.locator(".band-embedded")).to_contain_text("Embedded: signed in to")
    launcher.locator(".band-embedded").get_by_role("button", name="End session").click()
    expect(launcher.get_by_text("The session has ended")).to_be_visible()


def test_organization_administrator_in_a_window(page: Page, running_portal: RunningPortal):
    sign_in(page, running_portal, "technician")
    open_server(page)
    launcher = open_launcher(page, re.compile("Open Comet as administrator of"))

    comet = open_window(launcher)

    expect(comet.get_by_test_id("signed-in-as")).to_have_text(re.compile("administrator of"))


def test_no_key_is_fetched_for_a_window_that_says_nothing(
    context: BrowserContext, page: Page, running_portal: RunningPortal
):
    sign_in(page, running_portal, "technician")
    open_server(page)
    launcher = open_launcher(page)
    fetched: list[str] = []
    launcher.on("request", lambda request: fetched.append(request.url) if is_key(request) else None)
    address = str(launcher.locator("form[data-launch]").get_attribute("data-origin"))
    context.route(
        lambda url: origin_of(url) == address,
        lambda route: route.fulfill(body="<p>Silent</p>", content_type="text/html"),
    )
    launcher.clock.install()

    with launcher.expect_response(lambda response: response.status == 201):
        open_window(launcher)
    launcher.evaluate("window.postMessage({ msg: 'app_loaded' }, '*')")  # a stranger speaks
    launcher.clock.fast_forward(21_000)

    expect(launcher.locator("[data-launch-state=silent]")).to_be_visible()
    assert fetched == []


def test_a_blocked_window_is_said_to_be(page: Page, running_portal: RunningPortal):
    sign_in(page, running_portal, "technician")
    open_server(page)
    launcher = open_launcher(page)
    launcher.evaluate("window.open = () => null")

    launcher.get_by_role("button", name="Open Comet in a window").click()

    expect(launcher.locator("[data-launch-state=blocked]")).to_be_visible()


def is_key(request: Request) -> bool:
    return KEY_PATH.search(request.url) is not None


def origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
