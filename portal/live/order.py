"""Which User Profiles an event may not be believed about, since it may be older than what is known.

A stream tells in order. A webhook that is sent again comes when it comes, so where a server posts its
events as well, either may bring an old profile after a newer one. Then the profile is read afresh.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from django.utils import timezone

from comet.constants import StreamableEventType as Type
from portal.fleet.models import UserProfile
from portal.live import twins
from portal.live.models import Event
from portal.servers.models import CometServer


def overtaken(server: CometServer, told: Mapping[str, int]) -> set[str]:
    """Users of `told` (name -> Unix seconds the event states, 0 for none) whose rows were written since."""
    if not told or not twins.posts(server):
        return set()
    rows = UserProfile.objects.filter(server=server, username__in=told)
    return {
        username
        for username, written_at in rows.values_list("username", "synced_at")
        if _by_our_clock(server, told[username]) <= written_at
    }


def may_be_removed(server: CometServer, told: Mapping[str, int]) -> bool:
    """Whether an account was removed since the first of these events: it may be one that has no row."""
    if not told or not twins.posts(server):
        return False
    since = max(_by_our_clock(server, min(told.values())), timezone.now() - twins.WINDOW)
    return Event.objects.filter(server=server, type=Type.ACCOUNT_REMOVED, received_at__gte=since).exists()


def _by_our_clock(server: CometServer, seconds: int) -> datetime:
    """The beginning of that second; long ago for an event that states none, or none that can be."""
    try:
        return datetime.fromtimestamp(seconds, UTC) - timedelta(milliseconds=server.clock_drift_ms)
    except (OverflowError, ValueError, OSError):
        return datetime.fromtimestamp(0, UTC)
