"""The main job from end to end: two Comet Servers live in one browser, through the real processes."""

import re
from typing import Any

import pytest
import requests
from playwright.sync_api import Page, expect

from portal.demo.ports import free_port
from tests.browser.steps import call, open_live, order, sign_in
from tests.emulator_process import EmulatorProcess, start_emulator
from tests.environment.portal import RunningPortal

pytestmark = pytest.mark.browser

ENDED = re.compile("Succeeded|Warning|Failed")
"""How the emulated server lets a Job end differs; that it has ended is what counts."""

LONG = 90_000
"""Milliseconds: what waits for a full sync or a backup."""


def test_first_light(page: Page, running_portal: RunningPortal):
    sign_in(page, running_portal, "technician")
    the_first_screen(page)
    what_is_wrong_with_a_link_is_said(page, running_portal)
    link_the_second_server(page, running_portal)
    a_stopped_server_stands_still_and_is_caught_up(page)
    lists_search_filter_sort_and_page(page)
    rows_and_counters_move_by_themselves(page, running_portal)
    a_backup_is_followed_and_another_cancelled(page, running_portal)
    a_whole_group_is_run_again(page)
    comet_opens_signed_in(page, running_portal)


def the_first_screen(page: Page) -> None:
    open_live(page, "/")
    expect(page.locator(".tile")).to_have_count(5)
    expect(page.locator(".group").first).to_contain_text(re.compile(r"\d+ devices?, 1 server, since"))
    expect(page.locator("#activity-feed > li").first).to_be_visible()
    expect(page.locator(".server-freshness").first).to_contain_text("Live")
    bottom = page.locator(".group").first.bounding_box()
    assert bottom is not None
    assert bottom["y"] + bottom["height"] < 900


def fill_link_form(page: Page, **fields: str) -> None:
    page.goto("/servers/link/")
    for name, value in fields.items():
        page.locator(f"[name={name}]").fill(value)
    page.get_by_role("button", name="Link the server").click()


def what_is_wrong_with_a_link_is_said(page: Page, portal: RunningPortal) -> None:
    server = portal.comet2
    right = {
        "name": "Second server",
        "api_url": server.url,
        "username": server.admin,
        "password": server.password,
    }
    for change, field, words in (
        ({"password": "wrong"}, "password", "wrong name or password"),
        ({"api_url": f"http://127.0.0.1:{free_port()}"}, "api_url", "Nothing listens there"),
        ({"api_url": portal.url}, "api_url", "not a Comet Server"),
        (
            {"username": server.guarded_admin, "password": server.guarded_password},
            "totp_code",
            "second factor",
        ),
    ):
        fill_link_form(page, **{**right, **change})
        expect(page.locator(f"#id_{field}_error")).to_contain_text(words)
    page.goto("/servers/")
    expect(page.get_by_text("Second server")).to_have_count(0)


def link_the_second_server(page: Page, portal: RunningPortal) -> None:
    server = portal.comet2
    order(server.control_url, "latency", seconds=0.3, method="AdminGetJobsForDateRange")
    fill_link_form(
        page,
        name="Second server",
        api_url=server.url,
        username=server.admin,
        password=server.password,
    )
    page.goto("/operations/")
    page.get_by_role("link", name=re.compile("Sync Second server")).first.click()
    progress = page.locator(".item-progress").first
    expect(progress.locator("progress")).to_be_visible()
    order(server.control_url, "clear")
    expect(progress).to_contain_text("Succeeded", timeout=LONG)
    open_live(page, "/servers/")
    expect(page.locator("tr", has_text="Second server").locator(".server-freshness")).to_contain_text("Live")


def a_stopped_server_stands_still_and_is_caught_up(page: Page) -> None:
    with start_emulator(users=12, days=30, seed=77) as emulator:
        emulator.order("latency", seconds=0.5, method="AdminGetJobsForDateRange")
        fill_link_form(
            page,
            name="Fragile server",
            api_url=emulator.url,
            username=emulator.admin.name,
            password=emulator.admin.password,
        )
        page.goto("/operations/")
        page.get_by_role("link", name=re.compile("Sync Fragile server")).first.click()
        item = page.locator(".item-progress").first
        expect(item.locator("progress")).to_have_attribute("value", re.compile(r"[1-9]\d?$"), timeout=LONG)
        emulator.kill()
        expect(item).to_contain_text(re.compile("Fragile server.*Trying again at"), timeout=LONG)
        expect(item.locator("progress")).not_to_have_attribute("value", "100")
        its_stream_is_down(page)
        emulator.restart()
        expect(page.locator(".server-freshness").first).to_contain_text("Live", timeout=LONG)
        page.goto("/operations/")
        page.get_by_role("link", name=re.compile("Sync Fragile server")).first.click()
        expect(page.locator(".item-progress").first).to_contain_text("Succeeded", timeout=LONG)
        a_gap_is_closed(page, emulator)
        unlink(page)


def its_stream_is_down(page: Page) -> None:
    """While one server is gone, its own tile says so and other pages stay quick."""
    page.goto("/servers/")
    page.get_by_role("link", name="Fragile server").first.click()
    expect(page.locator(".server-freshness").first).to_contain_text("Stream down since", timeout=LONG)


def a_gap_is_closed(page: Page, emulator: EmulatorProcess) -> None:
    """A Job that began and ended while nobody heard it is there afterwards."""
    emulator.order("streams/drop", seconds=4)
    profiles = emulator.call("admin/list-users-full")
    connected = {
        one["DeviceID"]: one["Username"] for one in emulator.call("admin/dispatcher/list-active").values()
    }
    device, username = next((device, name) for device, name in connected.items() if name in profiles)
    guid = emulator.order("jobs/start", username=username, device_id=device, duration_seconds=1)["guid"]
    open_live(page, f"/jobs/?q={guid}")
    status = page.locator("[id^=job-][id$=-status]")
    wait_for(page, lambda: status.count() == 1)
    expect(status).to_contain_text(ENDED, timeout=LONG)


def wait_for(page: Page, condition: Any) -> None:
    """Ask a list anew until it shows what is waited for; it has no row yet that could change by itself."""
    for _ in range(60):
        if condition():
            return
        page.wait_for_timeout(500)
        page.reload()
    raise AssertionError(f"not on {page.url} after 30 s")


def unlink(page: Page) -> None:
    page.goto("/servers/")
    page.get_by_role("link", name="Fragile server").first.click()
    page.get_by_role("link", name="Change").click()
    page.get_by_role("link", name=re.compile("Unlink")).click()
    page.locator("[name=confirm_name]").fill("Fragile server")
    page.get_by_role("button", name=re.compile("Unlink")).click()
    page.goto("/servers/")
    wait_for(page, lambda: page.get_by_role("link", name="Fragile server").count() == 0)


def lists_search_filter_sort_and_page(page: Page) -> None:
    page.goto("/devices/")
    name = page.locator("#device-table tbody a").first.inner_text()
    page.locator("#content [name=q]").fill(name)
    expect(page).to_have_url(re.compile(r"q="))
    expect(page.locator("#device-table tbody tr").first).to_contain_text(name)
    page.goto("/devices/?state=failed")
    expect(page.locator("#device-table tbody tr").first).to_contain_text("Failed")
    page.goto("/devices/")
    first = page.locator("#device-table tbody a").first
    before = first.get_attribute("href")
    page.get_by_role("link", name="Next").click()
    expect(first).not_to_have_attribute("href", str(before))
    page.get_by_role("link", name="Before").click()
    expect(first).to_have_attribute("href", str(before))
    expect(page.get_by_role("link", name="Before")).to_have_count(0)
    page.goto("/jobs/?sort=start")
    expect(page.locator("th[aria-sort=ascending]")).to_contain_text("Started")
    expect(page.locator("#job-table tbody tr").first).to_contain_text(re.compile(r"days ago|20\d\d"))
    page.goto("/users/")
    page.locator("#user-table th a").first.click()
    expect(page).to_have_url(re.compile("sort="))
    page.locator("#user-table tbody a").first.click()
    expect(page.get_by_role("heading", name="Storage vaults")).to_be_visible()


def rows_and_counters_move_by_themselves(page: Page, portal: RunningPortal) -> None:
    server = portal.comet2
    device, username = online_device(portal)
    open_live(page, "/")
    running = page.locator(".tile", has_text="Running").locator(".tile-value")
    before = int(running.inner_text())
    begin = {"username": username, "device_id": device, "duration_seconds": 20}
    for _ in range(30):
        order(server.control_url, "jobs/start", **begin)
    expect(running).not_to_have_text(str(before), timeout=LONG)
    expect(page.locator("#activity-feed > li", has_text="started").first).to_be_visible()
    guid = order(server.control_url, "jobs/start", **begin)["guid"]
    open_live(page, f"/jobs/?q={guid}")
    status = page.locator("[id^=job-][id$=-status]")
    wait_for(page, lambda: status.count() == 1)
    expect(status).to_contain_text("Running")
    expect(status).to_contain_text(ENDED, timeout=LONG)


def online_device(portal: RunningPortal) -> tuple[str, str]:
    """DeviceID and username of a device of the second server that can start a backup now."""
    connections = call(portal.comet2, "admin/dispatcher/list-active").values()
    newest = next(one for one in connections if one["ReportedVersion"].startswith("25.9.8"))
    return newest["DeviceID"], newest["Username"]


def open_device(page: Page, portal: RunningPortal) -> None:
    _, username = online_device(portal)
    page.goto(f"/devices/?q={username}&online=yes")
    page.locator("#device-table tbody tr", has_text="25.9.8").locator("a").first.click()


def run_backup(page: Page, portal: RunningPortal) -> Any:
    open_device(page, portal)
    page.get_by_role("button", name="Run backup").click()
    page.locator("#backup-form").get_by_role("button", name="Run backup").click()
    page.wait_for_url(re.compile(r"/operations/\d+/$"))
    page.wait_for_selector("#live-state[data-state=live]", state="attached")
    return page.locator(".item-progress").first


def a_backup_is_followed_and_another_cancelled(page: Page, portal: RunningPortal) -> None:
    item = run_backup(page, portal)
    expect(item.locator("progress")).to_have_attribute("value", re.compile(r"[1-9]\d?$"), timeout=LONG)
    expect(item).to_contain_text(ENDED, timeout=LONG)
    page.get_by_role("link", name="Open the Job").first.click()
    expect(page.locator("#job-log")).to_contain_text("Starting backup", timeout=LONG)

    item = run_backup(page, portal)
    expect(item.locator("progress")).to_have_attribute("value", re.compile(r"[1-9]\d?$"), timeout=LONG)
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".item-progress").first).to_contain_text("Cancelled", timeout=LONG)


def a_whole_group_is_run_again(page: Page) -> None:
    page.goto("/attention/")
    page.get_by_role("button", name=re.compile(r"Run backup on \d+ device")).last.click()
    page.locator("#modal").get_by_role("button", name=re.compile("Run backup on")).click()
    page.wait_for_url(re.compile(r"/operations/\d+/$"))
    expect(page.locator(".item-progress").first).to_be_visible()


def comet_opens_signed_in(page: Page, portal: RunningPortal) -> None:
    """In a window as server administrator, embedded as administrator of an organization, as a customer."""
    page.goto("/servers/")
    page.get_by_role("link", name="First server").first.click()
    server_page = page.url
    with page.expect_popup() as popup:
        page.get_by_role("link", name="Open Comet", exact=True).click()
    launcher = popup.value
    launcher.get_by_label("Reason").fill("First light")
    with launcher.expect_popup() as window, launcher.expect_response(re.compile(r"/key/$")) as fetched:
        launcher.get_by_role("button", name="Open Comet in a window").click()
    comet = window.value
    expect(comet.get_by_test_id("signed-in-as")).to_have_text(re.compile("server administrator"))
    message = fetched.value.json()
    assert message["msg"] == "session_login"
    assert key_works(portal, message)
    launcher.get_by_role("button", name="End session").first.click()
    wait_for(launcher, lambda: not key_works(portal, message))
    launcher.close()

    page.goto(server_page)
    with page.expect_popup() as popup:
        page.get_by_role("link", name=re.compile("Open Comet as administrator of")).first.click()
    embedded(popup.value, "administrator of")

    context = page.context.browser.new_context(base_url=portal.url)  # type: ignore[union-attr]
    customer = context.new_page()
    sign_in(customer, portal, "customer")
    customer.goto("/users/")
    customer.locator("#user-table tbody a").first.click()
    with customer.expect_popup() as popup:
        customer.get_by_role("link", name="Open Comet as this user").click()
    embedded(popup.value, "end user")
    context.close()


def embedded(launcher: Page, as_whom: str) -> None:
    launcher.get_by_label("Reason").fill("First light")
    launcher.get_by_role("button", name="Open it inside this page").click()
    frame = launcher.frame_locator("iframe.comet-frame")
    expect(frame.get_by_test_id("signed-in-as")).to_have_text(re.compile(as_whom))
    launcher.locator(".band-embedded").get_by_role("button", name="End session").click()
    expect(launcher.get_by_text("The session has ended")).to_be_visible()


def key_works(portal: RunningPortal, message: dict[str, str]) -> bool:
    form = {"Username": message["username"], "AuthType": "SessionKey", "SessionKey": message["sessionkey"]}
    url = f"{portal.comet1.url}/api/v1/admin/account/properties"
    return "Status" not in requests.post(url, data=form, timeout=10).json()
