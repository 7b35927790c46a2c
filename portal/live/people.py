"""Who may be meant while a name is being typed on the activity page."""

from typing import Final

from portal.core.access import Access
from portal.fleet.models import UserProfile
from portal.live.selectors import list_events

MOST_NAMES: Final = 10
RECENT_EVENTS: Final = 1_000
"""So many are looked at for administrators, of whom the portal has no list."""


def suggest_people(access: Access, text: str) -> list[str]:
    """Names that begin with `text`, as they caused events lately, then those of end users."""
    rows = list_events(access).order_by("-received_at", "-pk").values_list("actor", flat=True)
    lately = dict.fromkeys(
        name for name in rows[:RECENT_EVENTS] if name.casefold().startswith(text.casefold())
    )
    lately.pop("", None)
    found = list(lately)[:MOST_NAMES]
    if text and len(found) < MOST_NAMES:
        users = UserProfile.objects.visible_to(access, "user:view").filter(username__istartswith=text)
        names = users.order_by("username").values_list("username", flat=True).distinct()[:MOST_NAMES]
        found += [name for name in names if name not in lately]
    return found[:MOST_NAMES]
