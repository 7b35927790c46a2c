"""Second factors, passkeys, sessions, rules, the staff's provider: as a person meets them in a browser."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.steps import fill_sign_in, sign_in, wait_until_live
from tests.codes import app_code
from tests.environment.portal import RunningPortal

pytestmark = pytest.mark.browser


@pytest.fixture
def by_name(browser: Browser, running_portal: RunningPortal) -> Iterator[BrowserContext]:
    """A browser that opens the portal by a host name: passkeys know no IP addresses."""
    url = running_portal.url.replace("127.0.0.1", "localhost")
    with browser.new_context(base_url=url, reduced_motion="reduce") as context:
        yield context


@pytest.fixture
def watched(by_name: BrowserContext) -> Iterator[Page]:
    """A page of it; what the content security policy blocks, or a script raises, fails the test."""
    page = by_name.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda said: problems.append(said.text) if "Content Security" in said.text else None)
    yield page
    assert problems == []


def invite(owner: Page, email: str, role: str = "viewer") -> str:
    """The link of a new invitation."""
    owner.goto("/people/invite/")
    owner.locator("#id_email").fill(email)
    owner.locator("#id_role").select_option(role)
    owner.get_by_role("button", name="Make invitation link").click()
    return str(owner.locator("#invitation-link").input_value())


def newcomer(browser: Browser, portal: RunningPortal, page: Page, email: str, role: str = "viewer") -> None:
    """Invite somebody, and accept in `page`, which is then signed in."""
    with browser.new_context(base_url=portal.url) as context:
        owner = context.new_page()
        sign_in(owner, portal, "owner")
        link = invite(owner, email, role)
    page.goto(link.replace("127.0.0.1", "localhost"))
    page.locator("#id_name").fill("New Person")
    page.locator("#id_password").fill(PASSWORD)
    page.get_by_role("button", name="Start").click()
    page.wait_for_url(lambda url: "invitations" not in url)


PASSWORD = "orbit lantern quiet maple"


def add_authenticator(page: Page) -> None:
    """Plug a security key with a fingerprint reader into the browser."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options: dict[str, Any] = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def sign_out(page: Page) -> None:
    page.goto("/accounts/logout/")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(lambda url: "logout" not in url)


def test_an_app_is_set_up_and_confirms_a_sign_in(
    browser: Browser, running_portal: RunningPortal, watched: Page
):
    page = watched
    newcomer(browser, running_portal, page, "app@example.com")
    page.goto("/settings/security/")
    page.get_by_role("link", name="Set up an authenticator app").click()
    expect(page.locator(".qr-code")).not_to_have_js_property("naturalWidth", 0)
    page.get_by_text("No camera?").click()
    seed = page.locator(".totp-key").inner_text()
    page.locator("#id_code").fill(app_code(seed))
    page.get_by_role("button", name="Use this app").click()
    codes = re.findall(r"\d{8}", page.locator("#recovery_codes").input_value())
    assert len(codes) == 10
    page.get_by_label("I have saved them").check()
    page.get_by_role("link", name="Done").click()
    expect(page.locator("#factors")).to_contain_text("Authenticator app")

    sign_out(page)
    page.goto("/accounts/login/")
    fill_sign_in(page, "app@example.com", PASSWORD)
    page.locator("#id_code").fill("000000")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.locator(".field-error")).to_be_visible()
    page.locator("#id_code").fill(codes[0])
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(lambda url: "accounts" not in url)


def test_a_passkey_is_added_confirms_and_signs_in_alone(
    browser: Browser, running_portal: RunningPortal, watched: Page
):
    page = watched
    newcomer(browser, running_portal, page, "key@example.com")
    add_authenticator(page)
    page.goto("/settings/security/")
    page.get_by_role("link", name="Add a passkey").click()
    page.locator("#id_name").fill("Blue key")
    page.get_by_label("Sign in with it alone").check()
    page.get_by_role("button", name="Add it").click()
    page.wait_for_url(lambda url: "keys/add" not in url)
    page.get_by_label("I have saved them").check()
    page.goto("/settings/security/")
    expect(page.locator("#factors")).to_contain_text("Blue key")
    expect(page.locator("#factors")).to_contain_text("without a password")

    sign_out(page)
    page.goto("/accounts/login/")
    fill_sign_in(page, "key@example.com", PASSWORD)
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url(lambda url: "accounts" not in url)

    sign_out(page)
    page.goto("/accounts/login/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url(lambda url: "accounts" not in url)
    page.goto("/settings/security/")
    expect(page.locator("#sessions")).to_contain_text("this one")


def test_a_passkey_over_an_ip_address_is_refused_in_words(page: Page, running_portal: RunningPortal):
    page.goto("/accounts/login/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.locator("[data-key-error]")).to_contain_text("host name")


def test_whoever_needs_a_second_factor_meets_nothing_else(
    browser: Browser, running_portal: RunningPortal, watched: Page
):
    page = watched
    newcomer(browser, running_portal, page, "ruled@example.com", role="billing")
    with browser.new_context(base_url=running_portal.url) as context:
        owner = context.new_page()
        sign_in(owner, running_portal, "owner")
        owner.goto("/people/second-factor/")
        owner.locator("#id_role").select_option("billing")
        owner.get_by_role("button", name="Ask for a second factor").click()
        expect(owner.locator(".rule-line")).to_contain_text("Billing")
    expect(page.locator("h1")).to_contain_text("One more lock")  # the open page goes there by itself
    page.goto("/devices/")
    expect(page.locator("h1")).to_contain_text("One more lock")
    page.get_by_role("link", name="Use an app on my phone").click()
    page.get_by_text("No camera?").click()
    page.locator("#id_code").fill(app_code(page.locator(".totp-key").inner_text()))
    page.get_by_role("button", name="Use this app").click()
    page.get_by_label("I have saved them").check()
    page.goto("/devices/")
    expect(page.locator("h1")).to_contain_text("Devices")


def test_a_session_elsewhere_is_signed_out_and_its_open_page_goes(
    browser: Browser, running_portal: RunningPortal, watched: Page
):
    page = watched
    newcomer(browser, running_portal, page, "two@example.com", role="viewer")
    with browser.new_context(base_url=running_portal.url) as context:
        other = context.new_page()
        other.goto("/accounts/login/")
        fill_sign_in(other, "two@example.com", PASSWORD)
        other.wait_for_url(lambda url: "login" not in url)
        other.goto("/jobs/")
        wait_until_live(other)
        page.goto("/settings/security/")
        expect(page.locator("#sessions tbody tr")).to_have_count(2)
        page.get_by_role("button", name="Sign out everywhere else").click()
        expect(page.locator("#sessions tbody tr")).to_have_count(1)
        other.wait_for_url(lambda url: "/accounts/login/" in url)


def test_staff_come_in_through_their_own_provider(watched: Page):
    page = watched
    page.goto("/accounts/login/")
    page.get_by_role("link", name="Sign in with Northern Staff").click()
    page.locator("input[name=sub]").last.fill("staff")
    page.locator("input[name=sub]").last.press("Enter")
    page.wait_for_url(lambda url: "accounts" not in url and "oauth2" not in url)
    page.goto("/settings/security/")
    expect(page.locator("#sessions")).to_contain_text("this one")
