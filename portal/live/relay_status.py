"""How the relays and their streams are, for the command line, the servers pages and metrics."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone

from portal.core.heartbeats import alive
from portal.live.leases import LEASE, RELAY
from portal.live.models import StreamLease
from portal.servers.models import CometServer

FIGURES: Final = ("streams", "open", "events", "waiting")
"""As `Relay.figures` names them, in the order of `RelayState`."""


@dataclass(frozen=True)
class RelayState:
    """One relay that is alive, by what it said last."""

    holder: str
    started_at: datetime
    streams: int
    open: int
    events: int
    """Read since it started."""
    waiting: int
    """Read and not stored yet."""


def list_relays() -> list[RelayState]:
    """The relays that are alive, the oldest first."""
    return [
        RelayState(one.holder, one.started_at, *(int(one.figures.get(name, 0)) for name in FIGURES))
        for one in alive(RELAY, within=LEASE)
    ]


def relay_of(server: CometServer) -> str:
    """Who holds the server's stream; empty where nobody does."""
    lease = StreamLease.objects.filter(server=server).first()
    holders = {relay.holder for relay in list_relays()}
    return lease.holder if lease is not None and lease.holder in holders else ""


def status_lines() -> Iterator[str]:
    """What `manage.py relay status` prints: each relay, then each server's stream."""
    relays = list_relays()
    if not relays:
        yield "No relay is running. Start one with `manage.py relay`."
    for relay in relays:
        yield (
            f"relay {relay.holder} since {_ago(relay.started_at)}: {relay.open} of {relay.streams} streams"
            f" open, {relay.events:,} events, {relay.waiting:,} waiting"
        )
    leases = dict(StreamLease.objects.values_list("server", "holder"))
    for server in CometServer.objects.filter(unlinking_at=None).order_by("name"):
        since = f" since {_ago(server.stream_changed_at)}" if server.stream_changed_at else ""
        last = f", last event {_ago(server.last_event_at)} ago" if server.last_event_at else ", no event yet"
        error = f": {server.stream_error}" if server.stream_error else ""
        holder = leases.get(server.pk) or "no relay"
        yield f"{server.name}: {server.get_stream_display()}{since} by {holder}{last}{error}"


def _ago(at: datetime) -> str:
    return str(timedelta(seconds=int((timezone.now() - at).total_seconds())))
