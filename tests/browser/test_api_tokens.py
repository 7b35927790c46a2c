"""A token is made in the portal, copied, used by a script, and revoked."""

import pytest
import requests
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.steps import sign_in
from tests.environment.portal import RunningPortal

pytestmark = pytest.mark.browser


def test_a_token_is_made_copied_used_and_revoked(
    page: Page, context: BrowserContext, running_portal: RunningPortal
):
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    sign_in(page, running_portal, "reseller")
    page.goto("/settings/tokens/")
    page.get_by_role("link", name="Make a token").first.click()
    page.locator("input[name=name]").fill("Nightly report")
    page.get_by_role("button", name="Make the token").click()
    token = page.locator("#api-token").input_value()
    page.get_by_role("button", name="Copy").click()
    expect(page.locator("[data-copy-word]")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == token

    def ask() -> requests.Response:
        headers = {"Authorization": f"Bearer {token}"}
        return requests.get(f"{running_portal.url}/api/v1/jobs?limit=1", headers=headers, timeout=10)

    assert ask().status_code == 200
    page.get_by_role("link", name="Done").click()
    row = page.locator("tr", has_text="Nightly report")
    expect(row).to_contain_text("just now")
    expect(page.locator("main")).not_to_contain_text(token)
    page.once("dialog", lambda dialog: dialog.accept())
    row.get_by_role("button", name="Revoke").click()
    expect(page.locator("tr", has_text="Nightly report")).to_contain_text("revoked")
    assert ask().status_code == 401
