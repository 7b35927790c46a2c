"""The demo's sign-ins work in a browser, each into what its role may see."""

import pytest
from playwright.sync_api import Page, expect

from portal.demo.secrets import PEOPLE
from tests.browser.steps import fill_sign_in
from tests.environment.portal import RunningPortal

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("key", PEOPLE)
def test_every_printed_sign_in_leads_to_the_first_screen(page: Page, running_portal: RunningPortal, key: str):
    page.goto("/")
    fill_sign_in(page, *running_portal.sign_ins[key])
    expect(page).to_have_url(f"{running_portal.url}/")
    expect(page.locator("h1")).to_be_visible()


def test_a_wrong_password_is_refused(page: Page, running_portal: RunningPortal):
    email, _ = running_portal.sign_ins["owner"]
    page.goto("/accounts/login/")
    fill_sign_in(page, email, "not-the-password")
    expect(page.locator(".error-summary").first).to_be_visible()
    expect(page.locator("input[name=password]")).to_be_visible()
    assert "/accounts/login/" in page.url
