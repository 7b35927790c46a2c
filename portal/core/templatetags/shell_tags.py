"""What the shell around every page shows."""

from dataclasses import dataclass
from typing import Any

from django import template
from django.urls import reverse

from portal.core.access import NO_ACCESS, Access
from portal.core.key_state import key_state
from portal.core.tenant_sets import EVERYTHING

register = template.Library()


@dataclass(frozen=True, slots=True)
class NavItem:
    """One line of the sidebar. `permission` "" is for everybody who is signed in."""

    url_name: str
    icon: str
    label: str
    permission: str
    key: str = ""
    """The letter that opens it after `g`."""
    section: str = ""
    short: str = ""
    """The label where there is little room; `label` where empty."""


NAVIGATION = (
    NavItem("overview:home", "layout-dashboard", "Overview", "job:view", "h"),
    NavItem("jobs:attention", "alert-triangle", "Needs attention", "job:view", "a", short="Attention"),
    NavItem("alerts:alert-list", "alert-circle", "Alerts", "alert:view", "l"),
    NavItem("fleet:device-list", "devices", "Devices", "device:view", "d"),
    NavItem("fleet:user-list", "users", "Users", "user:view", "u"),
    NavItem("jobs:job-list", "list-check", "Jobs", "job:view", "j"),
    NavItem("live:activity", "activity", "Activity", "activity:view"),
    NavItem("operations:operation-list", "stack-2", "Operations", "operation:view", "o"),
    NavItem("servers:server-list", "server-2", "Servers", "server:view", "s"),
    NavItem("tenants:tenant-list", "sitemap", "Tenants", "tenant:view", section="Administration"),
    NavItem("placing:placement-list", "building", "Placements", "tenant:manage", section="Administration"),
    NavItem("accounts:person-list", "user-shield", "People", "person:view", section="Administration"),
    NavItem("accounts:token-overview", "key", "API tokens", "token:manage", section="Administration"),
    NavItem("audit:entry-list", "history", "Audit", "audit:view", section="Administration"),
    NavItem("accounts:settings", "settings", "Settings", "", section="Administration"),
)
"""The sidebar, by job to be done. A phone's bottom bar takes the first four that a person may see."""


@register.simple_tag(takes_context=True)
def nav_items(context: template.Context) -> list[dict[str, Any]]:
    """The lines of the sidebar this person may use: url, icon, label, short, section, key, current."""
    request = context["request"]
    access: Access = getattr(request, "access", NO_ACCESS)
    own = not getattr(
        request, "viewing", None
    )  # what is the person's own is not shown while viewing as another
    shown = [
        item for item in NAVIGATION if (access.tenants_with(item.permission) if item.permission else own)
    ]
    items = [
        {
            "url": reverse(item.url_name),
            "icon": item.icon,
            "label": item.label,
            "short": item.short or item.label,
            "section": item.section,
            "key": item.key,
        }
        for item in shown
    ]
    here = max((item["url"] for item in items if _leads_to(item["url"], request.path)), key=len, default=None)
    return [{**item, "current": item["url"] == here} for item in items]


@register.inclusion_tag("components/_keys_notice.html", takes_context=True)
def keys_notice(context: template.Context) -> dict[str, str]:
    """The band that says stored credentials cannot be read: what to do is told to who sees everything."""
    access: Access = getattr(context.get("request"), "access", NO_ACCESS)
    tenants = access.tenants_with("server:view")
    state = key_state()
    if not tenants or not state.problem:
        return {"problem": "", "advice": ""}
    if tenants is EVERYTHING:
        return {"problem": state.problem, "advice": state.advice}
    return {
        "problem": "The portal cannot read the credentials of Comet Servers at the moment.",
        "advice": "What is shown stays as it was. Whoever runs the portal sees here what to do.",
    }


def _leads_to(url: str, path: str) -> bool:
    """Whether `path` is the page at `url` or one below it; the root has only itself below it."""
    return path == url or (url != "/" and path.startswith(url.rstrip("/") + "/"))
