"""How the relays and their streams are, for the command line, the servers pages and metrics."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone

from portal.core.heartbeats import alive
from portal.live.leases import LEASE, RELAY
from portal.live.models import StreamLease, WebhookIntake
from portal.servers.models import CometServer

BY_WEBHOOK: Final = (
    "Where it is heard by webhook alone, no relay holds a connection to it and each event is shown as soon as"
    " it is posted. What a webhook loses, since Comet gives up posting after a while and forgets what is"
    " queued when it restarts, is read every half hour. Sign-ins and sessions lost like this stay unknown."
)
"""What it means to hear a server by webhook alone."""

NO_RELAY: Final = "No relay is running. Start one with `manage.py relay`."
TAKEN_SECONDS: Final = 15
"""Within so long the server of a relay that died, or of none, is another's."""

FIGURES: Final = ("streams", "open", "events", "waiting")
"""As `Relay.figures` names them, in the order of `RelayState`."""


@dataclass(frozen=True)
class RelayState:
    """One relay that is alive, by what it said last."""

    holder: str
    started_at: datetime
    seen_at: datetime
    streams: int
    open: int
    events: int
    """Read since it started."""
    waiting: int
    """Read and not stored yet."""

    @property
    def name(self) -> str:
        return short_name(self.holder)


def list_relays() -> list[RelayState]:
    """The relays that are alive, the oldest first."""
    return [
        RelayState(
            one.holder, one.started_at, one.seen_at, *(int(one.figures.get(name, 0)) for name in FIGURES)
        )
        for one in alive(RELAY, within=LEASE)
    ]


@dataclass(frozen=True)
class StreamHealth:
    """How one server's event stream is, and who reads it."""

    relay: str
    """Host and process of the relay that holds it; empty where none does."""
    held_since: datetime | None
    reconnects: int
    """Of the relay that holds it."""
    last_error: str
    last_error_at: datetime | None
    advice: str
    """What is under way, or to be done; empty where nothing is."""
    posted_at: datetime | None = None
    """When it last posted; told of a server that is heard by webhook alone."""


def health_of(server: CometServer) -> StreamHealth:
    """Two queries; one where the server came with its lease."""
    lease: StreamLease | None = getattr(server, "stream_lease", None)
    if server.is_by_webhook:
        posted = WebhookIntake.objects.filter(server=server).values_list("last_received_at", flat=True)
        return StreamHealth("", None, 0, *_last_error(lease), BY_WEBHOOK, posted.first())
    relays = {relay.holder for relay in list_relays()}
    if lease is None or lease.holder not in relays:
        return StreamHealth("", None, 0, *_last_error(lease), _advice(server, lease, relays))
    return StreamHealth(
        short_name(lease.holder),
        lease.held_since,
        max(lease.openings - 1, 0),
        *_last_error(lease),
        _advice(server, lease, relays),
    )


def short_name(holder: str) -> str:
    """Host and process id, without what makes it unique over time."""
    return holder.rpartition(":")[0] or holder


def _last_error(lease: StreamLease | None) -> tuple[str, datetime | None]:
    return (lease.last_error, lease.last_error_at) if lease is not None else ("", None)


def _advice(server: CometServer, lease: StreamLease | None, relays: Collection[str]) -> str:
    if server.unlinking_at is not None:
        return "It is being unlinked, so nobody follows it any more."
    if not relays:
        return f"{NO_RELAY} It follows this server within seconds."
    if lease is None or lease.holder not in relays:
        return f"Nobody follows it at the moment. A relay takes it within {TAKEN_SECONDS} seconds."
    if server.stream == CometServer.Stream.DOWN:
        return "The relay tries again by itself, after 15 seconds at the latest."
    if not server.is_live:
        return "It is being opened."
    if lease.gap_since is not None:
        return "What its events did not tell is being read from the server."
    return ""


def status_lines() -> Iterator[str]:
    """What `manage.py relay status` prints: each relay, then each server's stream."""
    relays = list_relays()
    if not relays:
        yield NO_RELAY
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
        holder = "choice" if server.is_by_webhook else leases.get(server.pk) or "no relay"
        yield f"{server.name}: {server.get_stream_display()}{since} by {holder}{last}{error}"


def _ago(at: datetime) -> str:
    return str(timedelta(seconds=int((timezone.now() - at).total_seconds())))
