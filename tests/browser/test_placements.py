"""Organizations are placed many at once, and taken back from the toast."""

import json

import pytest
from playwright.sync_api import Page, expect

from tests.browser.steps import call, sign_in
from tests.environment.portal import RunningPortal

pytestmark = pytest.mark.browser

LONG = 90_000
"""Milliseconds: what waits for a sync."""


def add_organizations(portal: RunningPortal, *names: str) -> None:
    """New organizations at the first server; its event stream tells the portal."""
    for name in names:
        call(
            portal.comet1,
            "admin/organization/set",
            Organization=json.dumps({"Name": name, "Hosts": [f"{len(name)}.placements.example"]}),
        )


def make_tenant(page: Page, name: str) -> None:
    page.goto("/tenants/new/")
    page.locator("[name=name]").fill(name)
    page.locator("main form button[type=submit]").click()
    expect(page.locator("h1")).to_contain_text(name)


def test_bulk_accept_and_undo(page: Page, running_portal: RunningPortal):
    sign_in(page, running_portal, "owner")
    names = ["Quillon Optics", "Quillon Ports"]
    for name in names:
        make_tenant(page, name)
    add_organizations(running_portal, *[name.upper() for name in names])
    waiting = page.locator("#placement-table tbody tr")

    def shown() -> int:
        page.goto("/placements/?q=quillon&unmapped=on")
        return waiting.count()

    for _ in range(LONG // 1000):
        if shown() == 2:
            break
        page.wait_for_timeout(1000)
    expect(waiting).to_have_count(2)
    expect(waiting.first).to_contain_text("Same name, 100 %")

    page.locator("#accept-exact").click()
    expect(page.locator("#modal")).to_contain_text("QUILLON OPTICS")
    expect(page.locator("#modal")).to_contain_text("See it no longer")
    page.locator("#placing-submit").click()

    note = page.locator(".toast-note", has_text="2 are placed.")
    expect(note).to_be_visible()
    expect(page.locator("#modal")).to_be_hidden()
    expect(page.locator("#placement-table")).to_contain_text("No organizations match")

    note.get_by_role("button", name="Undo").click()
    expect(page.locator(".toast-note", has_text="2 are placed back.")).to_be_visible()
    expect(waiting).to_have_count(2)

    page.locator("input[data-select-all]").check()
    page.get_by_role("button", name="Place…", exact=True).last.click()
    page.get_by_label("With a new customer named like it").check()
    expect(page.locator("#modal")).to_contain_text("already has a tenant called")
