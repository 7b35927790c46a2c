"""An alert from the backup that failed to the one that went well, as somebody sees it who only looks."""

import re
from typing import NamedTuple

import pytest
from playwright.sync_api import Page, expect

from tests.browser.steps import call, open_live, order, sign_in, wait_until_live
from tests.environment.portal import EmulatedServer, RunningPortal

pytestmark = pytest.mark.browser

SUCCEEDED, FAILED = 5000, 7002
PATIENCE_MS = 20_000
"""A list asks again every five seconds at most."""


class Somewhere(NamedTuple):
    """A device of an emulated server."""

    server: EmulatedServer
    username: str
    device_id: str
    name: str

    def back_up(self, status: int) -> None:
        """Run a backup that ends like this a second later."""
        named = {"username": self.username, "device_id": self.device_id}
        order(self.server.control_url, "jobs/outcome", **named, status=status)
        order(self.server.control_url, "jobs/start", **named, duration_seconds=1)


def devices_of(server: EmulatedServer) -> list[Somewhere]:
    return [
        Somewhere(server, username, device_id, device["FriendlyName"])
        for username, profile in call(server, "admin/list-users-full").items()
        for device_id, device in profile["Devices"].items()
    ]


def open_where_all_is_well(page: Page, server: EmulatedServer) -> Somewhere:
    """The open alerts of a device that has none."""
    for device in devices_of(server):
        page.goto(f"/alerts/?q={device.name}")
        if page.get_by_text("No alerts match these filters").count():
            open_live(page, page.url)
            return device
    raise AssertionError("every device has an open alert")


def test_an_alert_opens_and_closes_by_itself(page: Page, running_portal: RunningPortal):
    sign_in(page, running_portal, "technician")
    device = open_where_all_is_well(page, running_portal.comet1)

    device.back_up(FAILED)
    row = page.locator("#alert-table tbody tr", has_text=device.name)
    expect(row).to_contain_text("Backup failed", timeout=PATIENCE_MS)

    row.get_by_role("link").first.click()
    page.wait_for_url(re.compile(r"/alerts/\d+/$"))
    wait_until_live(page)
    body = page.locator("#alert-body")
    expect(body).to_contain_text("still open")
    device.back_up(SUCCEEDED)
    expect(body).not_to_contain_text("still open", timeout=PATIENCE_MS)
    expect(body).to_contain_text("Closed")

    page.goto(f"/alerts/?q={device.name}")
    expect(page.get_by_text("No alerts match these filters")).to_be_visible()
