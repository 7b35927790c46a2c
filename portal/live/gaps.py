"""Gaps: what happened while nobody listened, or what events do not tell. Comet repeats nothing.

A gap is noted in the database and stays until a sync has closed it, so that no lost task, ended
worker or emptied Redis leaves one open; `tasks.sweep_gaps` asks again for those that remain.
"""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
import structlog
from celery import current_app
from django.db import transaction
from django.db.models import F, Q, Window
from django.db.models.functions import RowNumber
from django.utils import timezone
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

import comet
from portal.core.events import publish
from portal.fleet.apply import apply_profiles
from portal.fleet.models import UserProfile
from portal.fleet.records import decode_profile
from portal.fleet.sync import sync_policies
from portal.jobs.sync import remedial_sync
from portal.live.models import StreamLease
from portal.live.observing import caught_up
from portal.servers import clients
from portal.servers.bookkeeping import apply_organizations
from portal.servers.models import CometServer

SETTLE: Final = timedelta(seconds=2)
"""A sync that events ask for starts this much later; what is asked meanwhile is the same request."""

ASK_AGAIN_AFTER: Final = timedelta(seconds=15)
"""A sync that is still at it is not disturbed: `tasks.close_gap` runs once per server."""

POSTED_LATELY: Final = timedelta(minutes=5)
"""A server that posted something since can be asked, though its stream is not up."""

PROFILES_AT_ONCE: Final = 200
"""Asked for again per sweep; what is left is next."""

log = structlog.get_logger(__name__)


def known_until(server: CometServer) -> datetime:
    """Until when everything that happened there was told. Webhooks alone may have left something out."""
    told = server.data_at or server.linked_at
    if server.is_live:
        return told
    return min(told, server.stream_changed_at or server.last_full_sync_at or server.linked_at)


def note_gap(server_id: int, since: datetime, *, settle: bool = False) -> None:
    """Note that what happened from `since` on has to be read afresh, and ask for it.

    With `settle` it is asked for a little later, once however often it is noted meanwhile.
    """
    now = timezone.now()
    with transaction.atomic():
        lease = StreamLease.objects.select_for_update().filter(server=server_id).first()
        if lease is None:
            return
        is_asked = lease.gap_queued_at is not None and lease.gap_queued_at > now - SETTLE
        lease.gap_since = min(since, lease.gap_since or since)
        lease.gap_number = F("gap_number") + 1
        lease.gap_queued_at = lease.gap_queued_at if settle and is_asked else now
        lease.save(update_fields=["gap_since", "gap_number", "gap_queued_at"])
    if not (settle and is_asked):
        _queue("portal.live.tasks.close_gap", server_id, countdown=SETTLE.total_seconds() if settle else 0)


def mark(server_id: int, at: datetime, *, wants_sync: bool, usernames: Iterable[str]) -> None:
    """Note what events did not tell, within the transaction that stores them: whoever stored them may die
    before he asks for it.
    """
    if wants_sync:
        lease = StreamLease.objects.select_for_update().get(server=server_id)
        lease.gap_since = min(at, lease.gap_since or at)
        lease.gap_number = F("gap_number") + 1
        lease.save(update_fields=["gap_since", "gap_number"])
    names = list(usernames)
    if names:
        UserProfile.objects.filter(server=server_id, username__in=names).update(unread_since=at)


def close_gap(server_id: int) -> None:
    """Read what a server's events did not tell. Does nothing where no gap is open.

    A server's first full sync reads everything; until it is done, the gap waits.

    Raises:
        comet.CometError: the server did not answer; the gap stays noted.
    """
    lease = StreamLease.objects.filter(server=server_id, server__unlinking_at=None).first()
    if lease is None or lease.gap_since is None:
        return
    server = CometServer.objects.get(pk=server_id)
    if server.last_full_sync_at is None:
        return
    client = clients.for_server(server, purpose="bulk")
    apply_organizations(server, client.admin_organization_list())
    sync_policies(server, client)
    found = remedial_sync(server, lease.gap_since)
    server.refresh_from_db(fields=["restarts"])
    with transaction.atomic():
        held = StreamLease.objects.select_for_update().filter(pk=lease.pk).first()
        if held is None:
            return  # unlinked meanwhile
        is_all = held.gap_number == lease.gap_number
        if is_all:
            held.gap_since = held.gap_queued_at = None
            held.save(update_fields=["gap_since", "gap_queued_at"])
        caught_up(held, server, asdict(found), is_all=is_all)
        publish("server.heard", tenant_id=server.tenant_id, server=server.pk)
    log.info("gap.closed", server_id=server_id, since=lease.gap_since.isoformat(), is_all=is_all)


def note_gaps_of_unfollowed() -> int:
    """Have servers read afresh that are heard by webhook alone; gives how many.

    A server may give up what it posts, and forgets what it holds when it restarts; no reopening of the
    stream asks what that was. What was before the last full sync, that has read.
    """
    posting = StreamLease.objects.filter(server__webhook_intake__set_up_at__isnull=False)
    unfollowed = posting.exclude(server__stream=CometServer.Stream.UP).filter(server__unlinking_at=None)
    rows = unfollowed.values_list("server", "server__last_full_sync_at")
    synced = [(server_id, since) for server_id, since in rows if since is not None]
    for server_id, since in synced:
        note_gap(server_id, since)
    return len(synced)


def _answering() -> Q:
    posted_at = "server__webhook_intake__last_received_at__gt"
    return Q(server__stream=CometServer.Stream.UP) | Q((posted_at, timezone.now() - POSTED_LATELY))


def queue_open_gaps() -> int:
    """Ask again for gaps that were asked for a while ago and are open still; gives how many.

    Only of servers whose stream is up or that posted lately: the others may not answer, and are asked
    when they return, or by the half-hourly `note_gaps_of_unfollowed`. What no worker took until it is
    asked again is void: it would be done once for each time it was asked for.
    """
    before = timezone.now() - ASK_AGAIN_AFTER
    asked_long_ago = Q(gap_queued_at=None) | Q(gap_queued_at__lte=before)
    leases = StreamLease.objects.filter(asked_long_ago, _answering())
    server_ids = list(leases.exclude(gap_since=None).values_list("server", flat=True))
    StreamLease.objects.filter(server__in=server_ids).update(gap_queued_at=timezone.now())
    for server_id in server_ids:
        _queue("portal.live.tasks.close_gap", server_id, expires=2 * ASK_AGAIN_AFTER.total_seconds())
    return len(server_ids)


def queue_profile_reads(server_id: int, usernames: Iterable[str]) -> None:
    """Ask for some User Profiles afresh. What is lost `queue_unread_profiles` asks for again."""
    for username in usernames:
        _queue("portal.live.tasks.read_profile", server_id, username)


def queue_unread_profiles() -> int:
    """Ask again for User Profiles that should have been read a while ago; gives how many.

    Servers take turns, so that one whose profiles cannot be read keeps none of another's waiting.
    """
    unread = UserProfile.objects.filter(_answering(), unread_since__lte=timezone.now() - ASK_AGAIN_AFTER)
    turn = Window(RowNumber(), partition_by="server", order_by="unread_since")
    in_turn = unread.annotate(turn=turn).order_by("turn", "unread_since")
    rows = list(in_turn.values_list("server", "username")[:PROFILES_AT_ONCE])
    for server_id, username in rows:
        queue_profile_reads(server_id, [username])
    return len(rows)


def read_profile(server_id: int, username: str) -> None:
    """Read one User Profile afresh. One that the server does not have any more asks for the list.

    Raises:
        comet.CometError: the server did not answer.
    """
    server = CometServer.objects.filter(pk=server_id, unlinking_at=None).first()
    if server is None:
        return
    mine, asked_at = UserProfile.objects.filter(server=server, username=username), timezone.now()
    unread_since = mine.values_list("unread_since", flat=True).first()
    try:
        told = clients.for_server(server).call("AdminGetUserProfile", TargetUser=username)
    except comet.APIError as error:
        if isinstance(error, comet.ServerError | comet.RateLimited):
            raise
        note_gap(server_id, timezone.now(), settle=True)
    else:
        record = decode_profile(msgspec.json.encode(told))
        if not apply_profiles(server, [record], read_at=asked_at).profiles:
            return  # an event wrote it meanwhile, and nobody knows which is newer: it is asked for again
    mine.filter(unread_since=unread_since).update(unread_since=None)


def _queue(task: str, *args: Any, countdown: float = 0, expires: float | None = None) -> None:
    try:
        current_app.send_task(task, args=args, countdown=countdown or None, expires=expires, retry=False)
    except (OperationalError, RedisError, OSError) as exc:
        log.warning("gap.not_queued", task=task, server_id=args[0], error=str(exc))
