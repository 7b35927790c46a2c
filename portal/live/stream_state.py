"""What a CometServer row says of its event stream. Written by the relay that holds the stream."""

from datetime import datetime

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

import comet
from portal.core.encryption import SecretUnreadable
from portal.core.events import publish
from portal.live.leases import LEASE
from portal.live.models import StreamLease
from portal.live.observing import Cause, begin_gap, end_gap
from portal.servers.errors import explain
from portal.servers.models import CometServer


def note_up(server_id: int, *, fence: int, since: datetime, cause: Cause) -> None:
    """The stream is open: from now on events are told as they happen. Nobody read it from `since` on."""
    with transaction.atomic():
        lease, server = _held_under(server_id, fence)
        if lease is not None and server is not None:
            end_gap(lease, server, since, cause)
            lease.openings += 1
            lease.save(update_fields=["openings"])
            _set(server, "")


def note_down(server_id: int, *, fence: int, since: datetime, problem: Exception) -> None:
    """The stream is not open, and why. The first of several failures dates it; nobody read it since."""
    with transaction.atomic():
        lease, server = _held_under(server_id, fence)
        if lease is not None and server is not None:
            begin_gap(lease, server, since, Cause.CUT)
            if _set(server, said_by(server.name, problem)):
                lease.last_error, lease.last_error_at = server.stream_error, timezone.now()
                lease.save(update_fields=["last_error", "last_error_at"])


def _held_under(server_id: int, fence: int) -> tuple[StreamLease | None, CometServer | None]:
    """The lease, locked, and its server; None where it is another relay's to say by now, or nobody's.

    Whoever turns the stream off holds that lock as well: what is said later finds it off.
    """
    lease = StreamLease.objects.select_for_update().filter(server=server_id, fence=fence).first()
    followed = CometServer.objects.exclude(stream=CometServer.Stream.OFF)
    return lease, followed.filter(pk=server_id).first() if lease is not None else None


def note_unattended() -> int:
    """Say of streams that no relay holds any more that they are down; gives how many that are new."""
    held = StreamLease.objects.filter(expires_at__gt=Now()).values("server")
    unattended = CometServer.objects.filter(stream=CometServer.Stream.UP).exclude(pk__in=held)
    ids = list(unattended.values_list("pk", flat=True))
    for server_id in ids:
        with transaction.atomic():
            lease = StreamLease.objects.select_for_update().filter(server=server_id).first()
            server = unattended.select_for_update().filter(pk=server_id).first()
            if server is None:
                continue
            if lease is not None:
                since = lease.expires_at - LEASE if lease.expires_at else timezone.now()
                begin_gap(lease, server, since, Cause.UNATTENDED)
            _set(server, f"No relay follows {server.name}. Start one with `manage.py relay`.")
    return len(ids)


def _set(server: CometServer, error: str) -> bool:
    """Write how the stream is; gives whether that is new."""
    stream = CometServer.Stream.DOWN if error else CometServer.Stream.UP
    error = error[:500]
    if (server.stream, server.stream_error) == (stream, error):
        return False
    if server.stream != stream:
        server.stream_changed_at = timezone.now()
    server.stream, server.stream_error = stream, error
    server.save(update_fields=["stream", "stream_changed_at", "stream_error"])
    publish("server.changed", tenant_id=server.tenant_id, server=server.pk)
    return True


def said_by(name: str, exc: Exception) -> str:
    """A sentence for people: which server, what was asked, what it answered, what to do."""
    if isinstance(exc, comet.CometError):
        return explain(name, exc)
    if isinstance(exc, SecretUnreadable | LookupError):
        return f"The stored credential of {name} cannot be used: {exc}"
    return f"The event stream of {name} could not be followed: {type(exc).__name__}."
