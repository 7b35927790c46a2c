"""What the shell around every page shows."""

from dataclasses import dataclass
from typing import Any

from django import template
from django.urls import reverse

from portal.core.access import NO_ACCESS, Access

register = template.Library()


@dataclass(frozen=True, slots=True)
class NavItem:
    """One line of the sidebar. `permission` "" is for everybody who is signed in."""

    url_name: str
    icon: str
    label: str
    permission: str
    section: str = ""


NAVIGATION = (
    NavItem("overview:home", "layout-dashboard", "Overview", "job:view"),
    NavItem("jobs:attention", "alert-triangle", "Needs attention", "job:view"),
    NavItem("fleet:device-list", "devices", "Devices", "device:view"),
    NavItem("fleet:user-list", "users", "Users", "user:view"),
    NavItem("jobs:job-list", "list-check", "Jobs", "job:view"),
    NavItem("live:activity", "activity", "Activity", "activity:view"),
    NavItem("operations:operation-list", "stack-2", "Operations", "operation:view"),
    NavItem("servers:server-list", "server-2", "Servers", "server:view"),
    NavItem("tenants:tenant-list", "sitemap", "Tenants", "tenant:view", "Administration"),
    NavItem("accounts:person-list", "user-shield", "People", "person:view", "Administration"),
    NavItem("audit:entry-list", "history", "Audit", "audit:view", "Administration"),
    NavItem("accounts:settings", "settings", "Settings", "", "Administration"),
)
"""The sidebar, by job to be done. A phone's bottom bar takes the first four that a person may see."""


@register.simple_tag(takes_context=True)
def nav_items(context: template.Context) -> list[dict[str, Any]]:
    """The lines of the sidebar this person may use, as dicts of url, icon, label, section, current."""
    request = context["request"]
    access: Access = getattr(request, "access", NO_ACCESS)
    shown = [item for item in NAVIGATION if not item.permission or access.tenants_with(item.permission)]
    items = [
        {"url": reverse(i.url_name), "icon": i.icon, "label": i.label, "section": i.section} for i in shown
    ]
    here = max((item["url"] for item in items if _leads_to(item["url"], request.path)), key=len, default=None)
    return [{**item, "current": item["url"] == here} for item in items]


def _leads_to(url: str, path: str) -> bool:
    """Whether `path` is the page at `url` or one below it; the root has only itself below it."""
    return path == url or (url != "/" and path.startswith(url.rstrip("/") + "/"))
