"""Pages that change by themselves, and what they do when they cannot."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, Route, WebSocketRoute, expect

from portal.live.marks import marks_html
from tests.browser.steps import call, open_live, order, sign_in, wait_for, wait_until_live
from tests.environment.bad_line import BadLine
from tests.environment.portal import EmulatedServer, RunningPortal

pytestmark = pytest.mark.browser

SERVER_RESTARTS = 1012
BEHIND = 4408
REFUSED = 4403

MAKE_OLD = "Math.random = () => 0; document.querySelector('#activity-feed').replaceChildren()"
"""The page shows no line of activity any more; what is spread at random comes at once."""


@pytest.fixture
def technician(page: Page, running_portal: RunningPortal) -> Page:
    """A page of the provider's technician."""
    sign_in(page, running_portal, "technician")
    return page


@pytest.fixture
def emit(running_portal: RunningPortal) -> Callable[[str], None]:
    """Makes the first server send an event that says `text`."""

    def send(text: str) -> None:
        order(running_portal.comet1.control_url, "events/emit", Type=4988, TypeString=text)

    return send


def start_job(server: EmulatedServer) -> str:
    """The GUID of a Job that runs until it is told to end."""
    profiles = call(server, "admin/list-users-full")
    username, profile = next((name, found) for name, found in profiles.items() if found["Devices"])
    told = {"username": username, "device_id": next(iter(profile["Devices"])), "duration_seconds": 86_400}
    return str(order(server.control_url, "jobs/start", **told)["guid"])


def pass_time_until(awaited: Locator) -> None:
    """Let the page's clock run on, as often as it takes, until it shows something."""
    for _ in range(50):
        awaited.page.clock.fast_forward(40_000)
        awaited.page.wait_for_timeout(200)  # what it asked for comes in real time
        if awaited.count():
            break
    expect(awaited).to_be_visible()


class Sockets:
    """A page's websockets from now on, each passed through to the portal; none while it `restarts`."""

    def __init__(self, page: Page) -> None:
        self.opened: list[WebSocketRoute] = []
        self.restarts = False
        page.route_web_socket("**/ws/live/**", self._pass_through)

    def close(self, code: int) -> None:
        """End the last one, as the portal would."""
        self.opened[-1].close(code=code)

    def _pass_through(self, route: WebSocketRoute) -> None:
        if self.restarts:
            route.close(code=SERVER_RESTARTS)
        else:
            route.connect_to_server()
            self.opened.append(route)


def test_a_row_changes_while_one_looks_at_it(technician: Page, running_portal: RunningPortal):
    server = running_portal.comet1
    guid = start_job(server)
    row = technician.locator("[id^=job-][id$=-status]")
    open_live(technician, f"/jobs/?q={guid}")
    expect(row).to_contain_text("Running")
    job = call(server, "admin/get-job-properties", JobID=guid)
    ended = {**job, "Status": 7003, "EndTime": job["StartTime"] + 60, "Progress": None}
    order(server.control_url, "events/emit", Type=4201, Data=ended)
    expect(row).to_contain_text("quota")


def test_a_new_line_of_activity_comes_by_itself(technician: Page, emit: Callable[[str], None]):
    open_live(technician, "/activity/")
    technician.mouse.move(5, 890)
    emit("COMES_BY_ITSELF")
    expect(technician.locator("#activity-feed > li", has_text="COMES_BY_ITSELF")).to_be_visible()


def test_lines_wait_while_activity_is_paused(technician: Page, emit: Callable[[str], None]):
    open_live(technician, "/activity/")
    technician.click("#activity-pause")
    technician.mouse.move(5, 890)
    emit("WAITS_FOR_IT")
    expect(technician.locator("#activity-new")).to_contain_text("new")
    line = technician.locator("#activity-feed > li", has_text="WAITS_FOR_IT")
    assert line.count() == 0
    technician.click("#activity-pause")
    expect(line).to_be_visible()
    expect(technician.locator("#activity-new")).to_be_hidden()


def test_a_narrowed_page_takes_only_what_its_filters_let_through(
    technician: Page, emit: Callable[[str], None]
):
    open_live(technician, "/activity/?q=LET_THROUGH")
    technician.mouse.move(5, 890)
    emit("KEPT_OUT")
    emit("LET_THROUGH")
    expect(technician.locator("#activity-feed > li", has_text="LET_THROUGH")).to_be_visible()
    assert technician.locator("#activity-feed > li", has_text="KEPT_OUT").count() == 0


def test_what_waits_for_one_filter_does_not_come_under_another(technician: Page, emit: Callable[[str], None]):
    open_live(technician, "/activity/")
    technician.click("#activity-pause")
    technician.mouse.move(5, 890)
    emit("OF_THE_FORMER")
    expect(technician.locator("#activity-new")).to_contain_text("new")
    technician.fill(".filter-bar input[name=q]", "NOTHING_LIKE_IT")
    expect(technician.locator("#activity-list .chip").first).to_contain_text("NOTHING_LIKE_IT")
    technician.click("#activity-pause")
    technician.click("#activity-pause")
    assert technician.locator("#activity-feed > li").count() == 0


def test_keys_lead_through_the_activity(technician: Page):
    open_live(technician, "/activity/")
    technician.wait_for_selector(".count-card")
    technician.keyboard.press("j")
    technician.keyboard.press("j")
    current = technician.locator("#activity-feed > li.is-current")
    expect(current).to_have_count(1)
    address = current.locator("a").get_attribute("href")
    technician.keyboard.press("Enter")
    technician.wait_for_url(f"**{address}")


def test_nothing_moves_under_the_pointer(technician: Page, emit: Callable[[str], None]):
    open_live(technician, "/activity/")
    technician.hover("#activity-feed > li:first-child")
    emit("NOT_UNDER_THE_POINTER")
    expect(technician.locator("#activity-new")).to_be_visible()
    line = technician.locator("#activity-feed > li", has_text="NOT_UNDER_THE_POINTER")
    assert line.count() == 0
    technician.mouse.move(5, 890)
    expect(line).to_be_visible()


def test_new_jobs_are_counted_while_the_pointer_is_over_the_table(
    technician: Page, running_portal: RunningPortal
):
    open_live(technician, "/jobs/")
    technician.hover("#job-table tbody tr:first-child")
    start_job(running_portal.comet1)
    button = technician.locator("#job-table .live-new")
    expect(button).to_contain_text("new")
    first = technician.locator("#job-table [id^=job-][id$=-status]").first
    before = first.get_attribute("id")
    button.click()
    expect(first).not_to_have_attribute("id", before or "")


def test_after_a_restart_of_the_portal_the_page_shows_what_it_missed(
    technician: Page, emit: Callable[[str], None]
):
    sockets = Sockets(technician)
    open_live(technician, "/activity/")
    technician.mouse.move(5, 890)
    technician.evaluate("htmx.config.wsReconnectDelay = () => 500")
    sockets.restarts = True  # until somebody has looked
    sockets.close(SERVER_RESTARTS)
    expect(technician.locator("#live-state")).to_contain_text("Reconnecting, data from")
    emit("MISSED_MEANWHILE")
    sockets.restarts = False
    wait_until_live(technician)
    expect(technician.locator("#activity-feed > li", has_text="MISSED_MEANWHILE")).to_be_visible()


def test_a_page_whose_refresh_failed_becomes_current_nevertheless(technician: Page):
    technician.clock.install()
    sockets = Sockets(technician)
    open_live(technician, "/activity/")
    technician.wait_for_load_state("networkidle")  # it may have been told to refresh when it joined
    newest = technician.locator("#activity-feed > li").first.get_attribute("id")  # others push it off last
    failed: list[Route] = []

    def fail(route: Route) -> None:
        failed.append(route)
        route.abort()

    technician.route("**/activity/", fail, times=1)
    technician.evaluate(MAKE_OLD)
    sockets.opened[-1].send(marks_html([], refresh=True))
    wait_for(technician, lambda: failed)
    technician.clock.fast_forward(20_000)
    expect(technician.locator(f"#{newest}")).to_be_attached()
    assert len(sockets.opened) == 1


def test_a_page_nobody_looks_at_is_refreshed_when_somebody_does(technician: Page):
    sockets = Sockets(technician)
    open_live(technician, "/activity/")
    technician.wait_for_load_state("networkidle")
    technician.evaluate(
        f"{MAKE_OLD}; Object.defineProperty(document, 'hidden', {{ value: true, writable: true }})"
    )
    refreshed: list[str] = []
    technician.on("request", lambda asked: asked.url.endswith("/activity/") and refreshed.append(asked.url))
    sockets.close(BEHIND)
    wait_for(technician, lambda: len(sockets.opened) == 2)
    wait_until_live(technician)
    technician.evaluate("new Promise((go_on) => setTimeout(go_on, 100))")  # later than what was due at once
    assert not refreshed
    technician.evaluate("document.hidden = false; document.dispatchEvent(new Event('visibilitychange'))")
    wait_for(technician, lambda: refreshed)


@pytest.mark.parametrize("code", [BEHIND, 1000, 1001])
def test_a_page_that_fell_behind_or_lost_its_proxy_connects_anew(
    technician: Page, emit: Callable[[str], None], code: int
):
    sockets = Sockets(technician)
    open_live(technician, "/activity/")
    technician.mouse.move(5, 890)
    sockets.close(code)
    wait_for(technician, lambda: len(sockets.opened) == 2)
    wait_until_live(technician)
    emit(f"CAUGHT_UP_AFTER_{code}")
    expect(technician.locator("#activity-feed > li", has_text=f"CAUGHT_UP_AFTER_{code}")).to_be_visible()


def test_a_refused_page_says_that_it_is_not_live(technician: Page):
    sockets = Sockets(technician)
    open_live(technician, "/activity/")
    sockets.close(REFUSED)
    expect(technician.locator("#live-state")).to_contain_text("Not live")
    assert len(sockets.opened) == 1


def test_an_ended_session_leads_to_sign_in(technician: Page):
    sockets = Sockets(technician)
    open_live(technician, "/activity/")
    technician.context.clear_cookies()
    sockets.close(4401)
    technician.wait_for_url("**/accounts/login/**")


def test_a_page_whose_connections_a_proxy_cuts_shows_what_it_missed(
    technician: Page, emit: Callable[[str], None], running_portal: RunningPortal
):
    with BadLine(running_portal.port) as line:
        open_live(technician, f"{line.url}/activity/")
        technician.evaluate("htmx.config.wsReconnectDelay = () => 500")
        line.websockets = False  # until somebody has looked
        line.cut()
        expect(technician.locator("#live-state")).to_contain_text("Reconnecting, data from")
        emit("WHILE_IT_WAS_CUT")
        line.websockets = True
        wait_until_live(technician)
        expect(technician.locator("#activity-feed > li", has_text="WHILE_IT_WAS_CUT")).to_be_visible()


def test_a_page_notices_by_itself_that_a_proxy_forgot_its_connection(
    technician: Page, emit: Callable[[str], None], running_portal: RunningPortal
):
    technician.clock.install()
    with BadLine(running_portal.port) as line:
        open_live(technician, f"{line.url}/activity/")
        line.freeze()
        emit("WHILE_IT_WAS_DEAF")
        technician.clock.fast_forward(80_000)
        expect(technician.locator("#activity-feed > li", has_text="WHILE_IT_WAS_DEAF")).to_be_visible()
        wait_until_live(technician)


def test_without_websockets_the_page_asks_by_itself_and_its_actions_work(
    technician: Page, emit: Callable[[str], None], running_portal: RunningPortal
):
    technician.clock.install()
    with BadLine(running_portal.port, websockets=False) as line:
        technician.goto(f"{line.url}/activity/")
        expect(technician.locator("#live-state")).to_contain_text("Reconnecting, data from")
        emit("WITHOUT_WEBSOCKETS")
        pass_time_until(technician.locator("#activity-feed > li", has_text="WITHOUT_WEBSOCKETS"))
        expect(technician.locator("#live-state")).to_contain_text("Not live, data from")

        technician.goto(f"{line.url}/servers/")
        technician.locator("#content tbody a").first.click()
        technician.get_by_role("button", name="Sync now").click()
        technician.wait_for_url("**/operations/*/")
        pass_time_until(technician.locator("[id^=operation-][id$=-progress]", has_text="Succeeded").first)
