"""What the activity feed draws, and what the servers pages say of event streams."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from django import template
from django.contrib.humanize.templatetags.humanize import intcomma
from django.template.loader import render_to_string
from django.urls import get_script_prefix, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from portal.core.access import Access
from portal.core.tenant_sets import EVERYTHING
from portal.live.kinds import group_of
from portal.live.models import Event, StreamLease
from portal.live.relay_status import NO_RELAY, health_of, list_relays, short_name
from portal.live.tallies import Bar
from portal.servers.models import CometServer

register = template.Library()

SUBJECTS: Final[Mapping[str, tuple[str, str]]] = {
    "job": ("list-check", "Job"),
    "device": ("device-desktop", "Device"),
    "user": ("user", "User"),
    "sign-in": ("login-2", "Sign-in"),
    "admin": ("user-shield", "Administrator"),
    "policy": ("file-text", "Policy"),
    "organization": ("building", "Organization"),
    "storage": ("database", "Storage"),
    "server": ("server-2", "Server"),
    "gap": ("plug-connected-x", "Not observed"),
    "other": ("bolt", "Event"),
}
"""Icon and word of each group of `live.kinds`, for one event of it."""

SOME_PK: Final = 1_000_000_007
"""Stands for any, to find its place in an address."""


@register.simple_tag
def event_mark(event: Event) -> SafeString:
    """How an event stands, or what it speaks of where it has no state; see live/_event_mark.html."""
    subject = "" if event.state or event.problem or event.is_gap else group_of(event.type)
    return _mark(event.is_gap, event.state, bool(event.problem), subject)


@lru_cache(maxsize=64)
def _mark(is_gap: bool, state: str, is_set_aside: bool, subject: str) -> SafeString:
    """Of the few there are, each is drawn once a process."""
    icon, word = SUBJECTS.get(subject, ("", ""))
    context = {"is_gap": is_gap, "state": state, "is_set_aside": is_set_aside, "icon": icon, "word": word}
    return SafeString(render_to_string("live/_event_mark.html", context).strip())


@register.simple_tag
def event_url(pk: int) -> SafeString:
    """As `{% url 'live:event-detail' pk %}`, but the address is looked up once a process, not per line."""
    before, after = _around_pk(get_script_prefix())
    return SafeString(f"{before}{pk:d}{after}")


@lru_cache
def _around_pk(script_prefix: str) -> tuple[str, str]:
    before, _, after = reverse("live:event-detail", args=[SOME_PK]).partition(str(SOME_PK))
    return before, after


@register.inclusion_tag("live/_stream_health.html")
def stream_health(server: CometServer, can_open: bool) -> dict[str, Any]:
    """Who reads the server's event stream, and what to do where nobody does; see live/_stream_health.html."""
    return {"server": server, "health": health_of(server), "can_open": can_open}


@register.inclusion_tag("live/_relays.html")
def relays(access: Access) -> dict[str, Any]:
    """The relays that are alive; figures for those alone who see every server. See live/_relays.html."""
    found = list_relays()
    sees_all = access.tenants_with("server:view") is EVERYTHING
    return {"relays": found if sees_all else [], "problem": "" if found else NO_RELAY}


@register.filter
def relay_of(lease: StreamLease | str) -> str:
    """Host and process of the relay that holds a lease, as a list shows it."""
    return short_name(lease.holder) if isinstance(lease, StreamLease) else ""


@register.filter
def reconnects(lease: StreamLease | str) -> int:
    """How often the relay that holds it had to open the stream again."""
    return max(lease.openings - 1, 0) if isinstance(lease, StreamLease) else 0


@register.simple_tag
def count_bars(bars: Sequence[Bar]) -> SafeString:
    """A zero-based bar for each day or month, oldest first, that leads to its events where they are kept."""
    return format_html(
        '<ol class="bars">{}</ol>', format_html_join("", "<li>{}</li>", ((_bar(bar),) for bar in bars))
    )


def _bar(bar: Bar) -> SafeString:
    said = f"{bar.label}: {intcomma(bar.count)} event{'' if bar.count == 1 else 's'}"
    return format_html(
        '<{} class="bar" title="{}"><svg viewBox="0 0 10 100" preserveAspectRatio="none" aria-hidden="true">'
        '<rect x="0" y="{}" width="10" height="{}"/></svg><span class="visually-hidden">{}</span></{}>',
        format_html('a href="{}"', bar.url) if bar.url else SafeString("span"),
        said,
        f"{100 - bar.height:.1f}",
        f"{bar.height:.1f}",
        said,
        SafeString("a" if bar.url else "span"),
    )
