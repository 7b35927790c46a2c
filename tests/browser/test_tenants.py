"""The tenant tree by keyboard, and what a suspension does to a page that is open elsewhere."""

import time

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.steps import fill_sign_in, open_live, sign_in
from tests.environment.portal import RunningPortal

pytestmark = pytest.mark.browser
WITHIN_SECONDS = 2.0


@pytest.fixture
def owner(page: Page, running_portal: RunningPortal) -> Page:
    sign_in(page, running_portal, "owner")
    return page


def test_branches_open_and_close_by_keyboard(owner: Page):
    owner.goto("/tenants/")
    rows = owner.locator("tr[data-depth]:visible")
    before = rows.count()
    reseller = owner.locator("tr[data-depth='1']").filter(has=owner.locator(".tree-toggle")).first
    name = reseller.locator("a").inner_text()
    reseller.locator("a").focus()

    owner.keyboard.press("ArrowRight")
    expect(owner.locator("tr[data-depth='2']").first).to_be_visible()
    owner.keyboard.press("ArrowDown")
    expect(owner.locator("tr[data-depth='2'] a:focus")).to_have_count(1)
    owner.keyboard.press("ArrowLeft")  # to what it is below
    expect(owner.locator("a:focus")).to_have_text(name)
    owner.keyboard.press("ArrowLeft")
    expect(rows).to_have_count(before)
    owner.keyboard.press("Enter")
    expect(owner.locator("h1")).to_have_text(name)


def test_the_search_finds_a_tenant_while_it_is_typed(owner: Page):
    owner.goto("/tenants/")
    name = owner.locator("tr[data-depth='1'] a").first.inner_text()
    owner.locator(".filter-bar input[name=q]").fill(name[1:5].upper())
    expect(owner.locator("#tenant-table .tree-path").first).to_contain_text(name)


def test_a_suspended_tenant_s_open_page_ends_and_comes_back(
    owner: Page, browser: Browser, running_portal: RunningPortal
):
    owner.goto("/people/")
    people = owner.locator("#person-table tbody tr").filter(has_text=running_portal.sign_ins["customer"][0])
    tenant = people.locator("a[href^='/tenants/']").first
    name = tenant.inner_text() if tenant.count() else "Tallow & Reed Managed IT"
    owner.goto(f"/tenants/?q={name.replace('&', '%26')}")
    owner.locator("#tenant-table tbody a").first.click()
    with browser.new_context(base_url=running_portal.url) as elsewhere:
        customer = elsewhere.new_page()
        sign_in(customer, running_portal, "customer")
        open_live(customer, "/devices/")

        owner.get_by_role("link", name="Suspend").click()
        owner.get_by_role("button", name="Suspend tenant").click()
        expect(owner.locator(".note-warning")).to_contain_text("Suspended since")
        began = time.monotonic()
        customer.wait_for_url("**/accounts/login/**", wait_until="commit")
        assert time.monotonic() - began < WITHIN_SECONDS

        fill_sign_in(customer, *running_portal.sign_ins["customer"])
        expect(customer.locator("h1")).to_have_text("Sign-in suspended")

        owner.get_by_role("link", name="Resume").click()
        owner.get_by_role("button", name="Resume tenant").click()
        expect(owner.get_by_role("link", name="Suspend")).to_be_visible()
        sign_in(customer, running_portal, "customer")
