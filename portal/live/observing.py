"""Gap entries: for how long nobody observed a server, as lines of its activity.

Comet repeats nothing it has told, so each reopening of a stream leaves an entry, however short it was
away: nobody can say that nothing was told meanwhile. Only a server that posts its events meanwhile is
heard without its stream. Interruptions less than `TOGETHER` apart are one entry that grows; a server
that is quiet all night and is reopened every five minutes has one, too. The lease points at the latest
entry and is locked while it is written, so none is doubled by retries.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from portal.core.events import Fact, publish_all
from portal.core.states import State
from portal.live.models import Event, StreamLease, WebhookIntake
from portal.servers.models import CometServer
from portal.servers.placements import Placements

TOGETHER: Final = timedelta(minutes=1)
"""Interruptions of one server that are less apart than this are told as one."""

BELIEVED: Final = timedelta(hours=1)
"""For so long after its last post a webhook is taken for one that works, however quiet the server is."""


class Cause(StrEnum):
    """Why nobody observed a server."""

    CUT = "cut"
    SILENT = "silent"
    UNATTENDED = "unattended"
    OFF = "off"


REASONS: Final = {
    Cause.CUT: "its event stream was cut",
    Cause.SILENT: "its event stream said nothing",
    Cause.UNATTENDED: "no relay followed its event stream",
    Cause.OFF: "its event stream was off and it posted nothing",
}

COUNTED: Final = {
    "jobs": ("Job", "Jobs"),
    "user_profiles": ("User Profile", "User Profiles"),
    "devices": ("device that came or went", "devices that came or went"),
}
"""What a sync catches up, as it is told of one and of several."""


def begin_gap(lease: StreamLease, server: CometServer, since: datetime, cause: Cause) -> None:
    """Say that nobody observes the server from `since` on. The caller has the lease locked.

    Does nothing where that is said already, for a server that was never observed at all, and for one
    that posted something since, or whose stream was off by choice and whose webhook can be believed. Where
    it was told to post no more, its last post is what was heard.
    """
    if server.last_event_at is None:
        return
    latest = lease.gap_event
    if latest is not None and latest.gap_is_open:
        return
    if lease.unheard_since is not None and lease.unheard_since <= since:
        was_off = server.stream == CometServer.Stream.NEVER
        since, cause = lease.unheard_since, Cause.OFF if was_off else Cause.UNATTENDED
    heard_from = min(since, timezone.now() - BELIEVED) if cause == Cause.OFF else since
    posted = WebhookIntake.objects.filter(server=server, last_received_at__gt=heard_from).first()
    if posted is not None and posted.last_received_at is not None:
        if posted.set_up_at is not None or posted.last_received_at > timezone.now() - TOGETHER:
            return
        since = max(since, posted.last_received_at)
    if latest is not None and _is_together(latest, since):
        latest.type, latest.received_at = Event.Own.UNOBSERVED, max(since, latest.received_at)
        latest.gap["interruptions"] += 1
        latest.gap["to"] = latest.gap["caught_up_at"] = None
        _write(latest)
    else:
        lease.gap_event = _new(server, since, cause)
        _write(lease.gap_event)
        lease.save(update_fields=["gap_event"])


def end_gap(lease: StreamLease, server: CometServer, since: datetime, cause: Cause) -> None:
    """Say that the server is observed again, after nobody did from `since` on at the latest."""
    begin_gap(lease, server, since, cause)
    event = lease.gap_event
    if event is not None and event.gap_is_open:
        _end(event)
    if lease.unheard_since is not None:
        lease.unheard_since = None
        lease.save(update_fields=["unheard_since"])


def end_posted() -> list[tuple[int, datetime]]:
    """Say of servers nobody observes that they are heard again, where they posted something since.

    Gives the ids of those that are new, and from when on they have to be read.
    """
    heard = StreamLease.objects.filter(
        gap_event__source=Event.Source.PORTAL,
        gap_event__type=Event.Own.UNOBSERVED,
        server__webhook_intake__last_received_at__gt=F("gap_event__received_at"),
    )
    ended = []
    for pk in list(heard.values_list("pk", flat=True)):
        with transaction.atomic():
            lease = StreamLease.objects.select_for_update().filter(pk=pk).first()
            event = lease.gap_event if lease is not None else None
            if lease is not None and event is not None and event.gap_is_open:
                _end(event)
                ended.append((lease.server_id, event.happened_at))
    return ended


def caught_up(lease: StreamLease, server: CometServer, brought: dict[str, int], *, is_all: bool) -> None:
    """Add to the latest entry what a sync brought; with `is_all` nothing is left to be read."""
    event = lease.gap_event
    if event is None or event.gap["caught_up_at"]:
        return
    held = event.gap["caught_up"]
    event.gap["caught_up"] = {name: held[name] + brought.get(name, 0) for name in COUNTED}
    event.gap["server_restarted"] = server.restarts > event.gap["restarts_before"]
    if is_all:
        event.gap["caught_up_at"] = timezone.now().isoformat()
    _write(event)


def _is_together(latest: Event, since: datetime) -> bool:
    """Whether an interruption goes with the latest: soon after it, or before it was caught up."""
    return since - latest.received_at < TOGETHER or not latest.gap["caught_up_at"]


def _end(event: Event) -> None:
    event.type, event.received_at = Event.Own.GAP, timezone.now()
    event.gap["to"] = event.received_at.isoformat()
    _write(event)


def _new(server: CometServer, since: datetime, cause: Cause) -> Event:
    return Event(
        server=server,
        placement=Placements(server).of_server(),
        source=Event.Source.PORTAL,
        type=Event.Own.UNOBSERVED,
        type_string="NOT_OBSERVED",
        happened_at=since,
        received_at=since,
        state=State.UNKNOWN,
        data={
            "from": since.isoformat(),
            "to": None,
            "cause": str(cause),
            "interruptions": 1,
            "restarts_before": server.restarts,
            "server_restarted": False,
            "caught_up": dict.fromkeys(COUNTED, 0),
            "caught_up_at": None,
        },
    )


def _write(event: Event) -> None:
    event.summary = summary_of_gap(event.gap)
    event.save()
    publish_all([Fact("activity.added", event.tenant_id, {"event": event.pk, "server": event.server_id})])


def summary_of_gap(data: dict[str, Any]) -> str:
    """One line without times, which each reader has in a zone of his own."""
    reason = REASONS[Cause(data["cause"])]
    if data["server_restarted"]:
        reason += " and the server restarted"
    told = told_of(data["caught_up"])
    return f"Not observed: {reason}" + (f"; {told} read afterwards" if told else "")


def told_of(brought: dict[str, int]) -> str:
    """`3 Jobs, 1 User Profile and 2 devices that came or went`; empty where nothing was brought."""
    told = [
        f"{number:,} {one if number == 1 else many}"
        for name, (one, many) in COUNTED.items()
        if (number := brought[name])
    ]
    return " and ".join(filter(None, [", ".join(told[:-1]), *told[-1:]]))


def count_posted_during(event: Event) -> int:
    """How many events came as webhooks while nobody followed the stream."""
    webhooks = Event.objects.filter(server=event.server_id, source=Event.Source.WEBHOOK)
    return webhooks.filter(received_at__range=(event.happened_at, event.received_at)).count()
