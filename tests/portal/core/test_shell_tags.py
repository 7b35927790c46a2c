"""The sidebar shows what a person may use, and where he is."""

import pytest
from django.http import HttpRequest, HttpResponse
from django.template import Context
from django.test import RequestFactory
from django.urls import include, path

from portal.core.access import NO_ACCESS, PERMISSIONS, ROLES, Access
from portal.core.templatetags.shell_tags import NAVIGATION, nav_items
from portal.core.tenant_sets import EVERYTHING


def _page(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


def _room(room: str) -> object:
    names = [item.url_name.split(":")[1] for item in NAVIGATION if item.url_name.startswith(f"{room}:")]
    prefix = "" if room == "overview" else f"{room}/"
    routes = [path("" if name == "home" else f"{name}/", _page, name=name) for name in names]
    return path(prefix, include((routes, room)))


urlpatterns = [_room(room) for room in sorted({item.url_name.split(":")[0] for item in NAVIGATION})]
pytestmark = pytest.mark.urls(__name__)


def labels(access: Access, address: str = "/") -> list[str]:
    return [item["label"] for item in items(access, address)]


def items(access: Access, address: str = "/") -> list[dict]:
    request = RequestFactory().get(address)
    request.access = access
    return nav_items(Context({"request": request}))


def test_who_holds_everything_sees_every_line():
    assert labels(Access(1, dict.fromkeys(PERMISSIONS, EVERYTHING))) == [item.label for item in NAVIGATION]


def test_a_customer_sees_no_servers_and_no_administration_but_the_own_settings():
    seen = labels(Access(1, dict.fromkeys(ROLES["customer"], frozenset({7}))))

    assert {"Overview", "Devices", "Jobs", "Settings"} <= set(seen)
    assert not {"Servers", "Tenants", "People", "Audit"} & set(seen)


def test_without_a_grant_only_the_own_settings_are_left():
    assert labels(NO_ACCESS) == ["Settings"]


@pytest.mark.parametrize(
    ("address", "current"),
    [
        ("/", ["Overview"]),
        ("/jobs/job-list/", ["Jobs"]),
        ("/jobs/job-list/42/", ["Jobs"]),
        ("/somewhere/else/", []),
    ],
)
def test_the_line_of_this_page_is_marked(address, current):
    everything = Access(1, dict.fromkeys(PERMISSIONS, EVERYTHING))

    assert [item["label"] for item in items(everything, address) if item["current"]] == current
