"""What the activity feed draws."""

from collections.abc import Mapping
from typing import Final

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from portal.core.templatetags.portal_tags import icon
from portal.live.kinds import group_of
from portal.live.models import Event

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
