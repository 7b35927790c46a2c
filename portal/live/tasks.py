"""Closes gaps in what events told, and says of streams nobody follows that they are down."""

from typing import Final

import structlog
from celery import shared_task

import comet
from portal.core.encryption import SecretUnreadable
from portal.core.locks import held_while_alive
from portal.live import counts, gaps, inbox, retention, set_aside, webhooks
from portal.live.observing import end_posted
from portal.live.stream_state import note_unattended

MINUTE: Final = 60  # seconds

log = structlog.get_logger(__name__)


@shared_task(soft_time_limit=10 * MINUTE, time_limit=11 * MINUTE)
def close_gap(server_id: int) -> None:
    """Read what one server's events did not tell, and look after a webhook by which alone it is heard.

    Safe to run twice; does nothing while it runs.
    """
    with held_while_alive(f"close-gap:{server_id}") as mine:
        if not mine:
            return
        try:
            gaps.close_gap(server_id)
            webhooks.open_where_removed(server_id)
        except (comet.CometError, SecretUnreadable, LookupError) as error:
            log.warning("gap.not_closed", server_id=server_id, error=str(error))


@shared_task(soft_time_limit=MINUTE, time_limit=2 * MINUTE)
def read_profile(server_id: int, username: str) -> None:
    """Read one User Profile afresh. Safe to run twice."""
    try:
        gaps.read_profile(server_id, username)
    except (comet.CometError, SecretUnreadable, LookupError) as error:
        log.warning("profile.not_read", server_id=server_id, error=str(error))


@shared_task(soft_time_limit=10, time_limit=20)  # seconds
def sweep_streams() -> None:
    """Ask again for what is still to be read, take in what no relay did, say which streams no relay follows
    and which of their servers are heard by webhook.

    Safe to run twice.
    """
    inbox.take_in_left_alone()
    gaps.queue_open_gaps()
    gaps.queue_unread_profiles()
    note_unattended()
    for server_id, since in end_posted():
        gaps.note_gap(server_id, since)


@shared_task(soft_time_limit=MINUTE, time_limit=2 * MINUTE)
def read_unfollowed() -> None:
    """Have servers read afresh that are heard by webhook alone. Safe to run twice."""
    gaps.note_gaps_of_unfollowed()


@shared_task(soft_time_limit=5 * MINUTE, time_limit=6 * MINUTE)
def trim_set_aside() -> None:
    """Drop events that were set aside long ago, or that are too many. Safe to run twice."""
    if dropped := set_aside.trim():
        log.info("events.set_aside_trimmed", count=dropped)


@shared_task(soft_time_limit=14 * MINUTE, time_limit=15 * MINUTE)
def count_events() -> None:
    """Bring how many events there were a day up to now. Safe to run twice."""
    with held_while_alive("count-events") as mine:
        if mine:
            counts.count_days()


@shared_task(soft_time_limit=6 * 60 * MINUTE)
def retain_events() -> None:
    """Remove the events of months that are older than they are kept. Safe to run twice, and to break off."""
    with held_while_alive("retain-events") as mine:
        if mine:
            counts.count_days()
            retention.remove_old_months()
