"""Every main page holds to WCAG 2.2 AA as far as axe can tell, fits a phone, and shows where the focus is."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.steps import open_live, sign_in
from tests.environment.portal import RunningPortal

pytestmark = pytest.mark.browser

DESK: Final = {"width": 1440, "height": 900}
PHONE: Final = {"width": 390, "height": 844}
RULES: Final = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}
COLOURS: Final = {"resultTypes": ["violations"], "runOnly": ["color-contrast"]}
"""All that a theme can change."""

LAYOUT: Final = {"resultTypes": ["violations"], "runOnly": ["target-size", "scrollable-region-focusable"]}
"""All that a width can change."""

FOCUS: Final = """() => {
  const style = getComputedStyle(document.activeElement);
  const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 1;
  return {
    html: document.activeElement.outerHTML.slice(0, 200),
    marked: ring || style.boxShadow !== "none",
    width: document.activeElement.getBoundingClientRect().width,
  };
}"""
"""What has the focus, and whether its style shows it."""

BAD: Final = ("serious", "critical")
TABS: Final = 24


@dataclass(frozen=True)
class Place:
    """A page by its path, or by the first link that `link` finds there; `ready` is waited for."""

    path: str
    link: str = ""
    ready: str = "h1"
    who: str = "technician"

    def __str__(self) -> str:
        return f"{self.path} {self.link}".strip()


PLACES: Final = (  # lists are narrowed: a rule looks at each element of each row
    Place("/", ready="#activity-feed > li"),
    Place("/attention/", link=".group-title", ready=".group-body"),
    Place("/jobs/stuck/?hours=1"),
    Place("/jobs/stuck/plan/?hours=1"),
    Place("/activity/?group=gap"),
    Place("/activity/set-aside/"),
    Place("/devices/?q=srv"),
    Place("/devices/?q=nothing-is-called-this"),
    Place("/devices/?state=failed", link="#device-table tbody td.cell-name a"),
    Place("/users/?q=al"),
    Place("/users/", link="#user-table tbody a"),
    Place("/jobs/?state=running"),
    Place("/alerts/", link="#alert-table tbody a", ready="#alert-body"),
    Place("/alerts/?state=all"),
    Place("/alerts/rules/"),
    Place("/alerts/rules/1/"),
    Place("/alerts/mail/"),
    Place("/jobs/?state=failed", link="#job-table tbody a", ready="#job-log .log"),
    Place("/activity/", ready="#activity-feed > li"),
    Place("/activity/?type=job&person=nobody", ready="#activity-empty"),
    Place("/activity/counts/", ready=".count-card"),
    Place("/activity/", link="#activity-feed a"),
    Place("/operations/"),
    Place("/operations/", link="#operation-table tbody a"),
    Place("/servers/"),
    Place("/servers/", link="#server-table tbody a"),
    Place("/servers/link/"),
    Place("/tenants/"),
    Place("/tenants/", link="#tenant-table tbody a"),
    Place("/tenants/?q=a"),
    Place("/settings/"),
    Place("/search/?q=al", ready=".hits"),
    Place("/sso/servers/1/"),
    Place("/settings/security/"),
    Place("/accounts/factors/app/"),
    Place("/accounts/factors/keys/add/"),
    Place("/people/second-factor/", who="owner"),
    Place("/people/", who="owner"),
    Place("/people/", link="#person-table tbody a", who="owner"),
    Place("/people/1/roles/give/", who="owner"),
    Place("/people/roles/2/except/", who="owner"),
    Place("/people/invite/", who="owner"),
    Place("/people/invitations/", who="owner"),
    Place("/roles/", who="owner"),
    Place("/roles/new/", who="owner"),
    Place("/view-as/", who="owner"),
    Place("/devices/1/people/", who="owner"),
    Place("/settings/tokens/", who="owner"),
    Place("/settings/tokens/new/", who="owner"),
    Place("/tenants/1/tokens/", who="owner"),
    Place("/tokens/", who="owner"),
    Place("/api/", who="owner"),
    Place("/audit/", who="owner"),
    Place("/audit/", link="#entry-table tbody a", who="owner"),
    Place("/servers/1/edit/", who="owner"),
    Place("/servers/1/webhook/", who="owner"),
    Place("/servers/1/unlink/", who="owner"),
    Place("/placements/", who="owner"),
    Place("/placements/users/?q=al", who="owner"),
    Place("/placements/changes/", who="owner"),
    Place("/tenants/new/", who="owner"),
    Place("/tenants/trash/", who="owner"),
    Place("/tenants/2/move/?parent=3", who="owner"),
    Place("/tenants/2/suspend/", who="owner"),
    Place("/tenants/2/delete/", who="owner"),
    Place("/accounts/login/", who=""),
    Place("/there-is-nothing-here/", who=""),
)


@pytest.fixture(scope="module")
def pages(browser: Browser, running_portal: RunningPortal) -> Iterator[dict[str, Page]]:
    """A page of the owner, of the technician and of nobody, each signed in once for all tests."""
    contexts = {
        who: browser.new_context(base_url=running_portal.url, viewport=DESK, reduced_motion="reduce")
        for who in ("owner", "technician", "")
    }
    opened = {who: context.new_page() for who, context in contexts.items()}
    for who, page in opened.items():
        if who:
            sign_in(page, running_portal, who)
    yield opened
    for context in contexts.values():
        context.close()


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_a_page_is_accessible_in_both_themes_and_on_a_phone(pages: dict[str, Page], place: Place):
    page = pages[place.who]
    page.set_viewport_size(DESK)
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    go(page, place)

    assert findings(page, RULES) == []

    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    assert findings(page, COLOURS) == []

    page.set_viewport_size(PHONE)
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "light")
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    assert findings(page, LAYOUT) == []


@pytest.mark.parametrize("path", ["/", "/devices/?q=srv", "/servers/link/"])
def test_the_focus_is_seen_wherever_it_goes(pages: dict[str, Page], path: str):
    page = pages["technician"]
    page.set_viewport_size(DESK)
    page.goto(path)
    seen = set()
    for _ in range(TABS):
        page.keyboard.press("Tab")
        focus = page.evaluate(FOCUS)
        assert focus["marked"], f"no focus ring on {focus['html']}"
        assert focus["width"] > 1, f"nothing to be seen of {focus['html']}"
        seen.add(focus["html"])
    assert len(seen) > TABS // 2


def test_dialogs_are_accessible_and_give_the_focus_back(pages: dict[str, Page]):
    page = pages["technician"]
    page.set_viewport_size(DESK)
    open_live(page, "/attention/")
    button = page.get_by_role("button", name="Run backup on").first
    button.focus()
    button.press("Enter")
    expect(page.locator("#modal")).to_be_visible()
    assert findings(page, RULES) == []
    page.keyboard.press("Escape")
    expect(page.locator("#modal")).to_be_hidden()
    expect(button).to_be_focused()
    page.keyboard.press("?")
    expect(page.locator("#keyboard-help")).to_be_visible()
    assert findings(page, RULES) == []


def test_what_only_phones_show_is_accessible(pages: dict[str, Page]):
    page = pages["technician"]
    page.set_viewport_size(PHONE)
    page.goto("/settings/")
    page.locator(".bottom-more > summary").click()
    expect(page.locator(".bottom-sheet")).to_be_visible()
    assert findings(page, COLOURS) == []


def test_filters_wait_behind_a_button_on_phones_unless_one_is_wrong(pages: dict[str, Page]):
    page = pages["technician"]
    page.set_viewport_size(PHONE)
    page.goto("/activity/")
    button = page.get_by_role("button", name="Filters")
    kind = page.get_by_label("Type")
    expect(page.get_by_role("searchbox", name="Search")).to_be_visible()
    expect(kind).to_be_hidden()
    button.press("Enter")
    expect(button).to_have_attribute("aria-expanded", "true")
    expect(kind).to_be_visible()
    assert findings(page, LAYOUT) == []
    button.press("Enter")
    expect(kind).to_be_hidden()
    page.goto("/activity/?since=yesterday")
    expect(page.get_by_label("From")).to_be_visible()


def test_what_is_wrong_with_a_form_is_accessible(pages: dict[str, Page]):
    page = pages["technician"]
    page.set_viewport_size(DESK)
    page.goto("/servers/link/")
    page.get_by_role("button", name="Link the server").click()
    expect(page.locator(".error-summary")).to_be_visible()
    assert findings(page, RULES) == []
    page.locator(".error-summary a").first.click()
    expect(page.locator("#id_name")).to_be_focused()


def go(page: Page, place: Place) -> None:
    page.goto(place.path)
    if place.link:
        page.goto(str(page.locator(place.link).first.get_attribute("href")))
    expect(page.locator(place.ready).first).to_be_visible()


def findings(page: Page, options: dict[str, Any]) -> list[str]:
    """What axe finds serious or worse: the rule, how often, and the first place."""
    if page.evaluate("!window.axe"):
        page.evaluate(Axe().axe_script)
    found = page.evaluate("options => axe.run(document, options)", options)["violations"]
    return [
        f"{one['id']} ({one['impact']}, {len(one['nodes'])} times): {one['nodes'][0]['html'][:300]}"
        for one in found
        if one["impact"] in BAD
    ]
