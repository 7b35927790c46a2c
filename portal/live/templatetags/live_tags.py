"""What the activity feed draws, and what the servers pages say of event streams."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django import template
from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from portal.core.access import Access
from portal.core.templatetags.portal_tags import icon
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


@register.simple_tag
def event_subject(event: Event) -> SafeString:
    """What an event without a state speaks of, where others have their state."""
    name, word = SUBJECTS[group_of(event.type)]
    return format_html(
        '<span class="state-mark tone-grey">{}<span class="state-word">{}</span></span>', icon(name), word
    )


@register.inclusion_tag("live/_stream_health.html")
def stream_health(server: CometServer) -> dict[str, Any]:
    """Who reads the server's event stream, and what to do where nobody does; see live/_stream_health.html."""
    return {"server": server, "health": health_of(server)}


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
