"""Which relay holds which server's stream. Short transactions; the fence decides who may write.

Several relays share the servers evenly: each holds at most its share, and gives back what is more as
soon as others are there to take it. All times are the database's.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from django.db.models import Count, Max, Q, Sum
from django.db.models.functions import Coalesce, Now

from portal.core.heartbeats import alive, from_now
from portal.core.prepared import Prepared
from portal.live.models import StreamLease
from portal.servers.models import CometServer

RELAY: Final = "relay"
"""The kind of a relay's heartbeat."""

LEASE: Final = timedelta(seconds=10)
"""How long a relay that died keeps its servers; renewed every `RENEW`."""

RENEW: Final = timedelta(seconds=3)


@dataclass(frozen=True, slots=True)
class Held:
    """A stream this relay is to hold, and what it was configured with. A difference means: open anew."""

    server_id: int
    fence: int
    api_url: str
    admin_username: str
    credential_changed_at: datetime


class Standing(NamedTuple):
    """How many servers to follow a holder has; the rest tells whether they are the same as before."""

    servers: int = 0
    fences: int | None = None
    ids: int | None = None
    newest: datetime | None = None
    """Of their credentials: another address or administrator comes with another."""


@dataclass(frozen=True, slots=True)
class Holding:
    """All that one relay holds. Two of the same standing hold the same."""

    standing: Standing
    streams: list[Held]


def to_follow(prefix: str = "") -> Q:
    """Which servers' streams relays hold: of those that are linked, and not heard by webhook alone."""
    off = Q((f"{prefix}stream", CometServer.Stream.OFF))
    return Q((f"{prefix}unlinking_at", None)) & ~off


_by_holder = Prepared(
    lambda: (
        CometServer.objects.filter(to_follow())
        .order_by()
        .values("stream_lease__holder")
        .annotate(
            servers=Count("pk"),
            fences=Sum("stream_lease__fence"),
            ids=Sum("stream_lease__pk"),
            newest=Max("credential_changed_at"),
        )
        .values_list("stream_lease__holder", "servers", "fences", "ids", "newest")
    )
)
_relays = Prepared(lambda: alive(RELAY, within=LEASE).order_by().values_list("holder"))


def hold(holder: str, last: Holding | None = None) -> Holding:
    """Renew what `holder` has, take its share of what nobody has, and tell what it holds now.

    A lease is taken by a conditional update that raises its fence, so two relays never both get it.
    What has not changed since `last` is not read again.
    """
    StreamLease.objects.filter(holder=holder).update(expires_at=from_now(LEASE))
    mine = StreamLease.objects.filter(to_follow("server__"), holder=holder)
    standings = _standings()
    if None in standings:
        _add_missing()
    linked = sum(standing.servers for standing in standings.values())
    spare = share_of(holder, linked) - standings.get(holder, Standing()).servers
    if spare > 0:
        _take(holder, spare)
    elif spare < 0:
        newest = mine.order_by("-fence", "-pk").values_list("server", flat=True)
        release(holder, list(newest[:-spare]))
    if spare:
        standings = _standings()
    standing = standings.get(holder, Standing())
    if last is not None and last.standing == standing:
        return last
    columns = mine.values_list(
        "server", "fence", "server__api_url", "server__admin_username", "server__credential_changed_at"
    )
    return Holding(standing, [Held(*values) for values in columns])


def share_of(holder: str, servers: int) -> int:
    """How many of so many servers `holder` is to hold beside the other relays that are alive."""
    holders = {name for (name,) in _relays()} | {holder}
    return -(-servers // len(holders))


def release(holder: str, server_ids: Iterable[int] | None = None) -> None:
    """Give leases back at once, so that another relay need not wait for them to run out."""
    mine = StreamLease.objects.filter(holder=holder)
    if server_ids is not None:
        mine = mine.filter(server__in=list(server_ids))
    mine.update(holder="", expires_at=None, unheard_since=Coalesce("unheard_since", Now()))


def _standings() -> dict[str | None, Standing]:
    """By holder: empty where it is nobody, None of servers that have no lease yet."""
    return {holder: Standing(*told) for holder, *told in _by_holder()}


def _add_missing() -> None:
    unleased = CometServer.objects.filter(to_follow(), stream_lease=None).values_list("pk", flat=True)
    StreamLease.objects.bulk_create(
        (StreamLease(server_id=server_id) for server_id in unleased), ignore_conflicts=True
    )


def _take(holder: str, most: int) -> None:
    free = Q(holder="") | Q(expires_at=None) | Q(expires_at__lte=Now())
    for lease in StreamLease.objects.filter(free, to_follow("server__"))[:most]:
        StreamLease.objects.filter(free, pk=lease.pk, fence=lease.fence).update(
            holder=holder,
            fence=lease.fence + 1,
            expires_at=from_now(LEASE),
            held_since=Now(),
            openings=0,
            **_gap_of(lease),
        )


def _gap_of(lease: StreamLease) -> dict[str, object]:
    """The holder died without a word: since its last renewal nobody listened, whatever webhooks told."""
    if lease.expires_at is None:
        return {}
    since = lease.expires_at - LEASE
    return {
        "gap_since": min(since, lease.gap_since or since),
        "gap_number": lease.gap_number + 1,
        "unheard_since": min(since, lease.unheard_since or since),
    }
