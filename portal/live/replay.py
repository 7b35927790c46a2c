"""Events that were set aside, told once more through the door they came by; or dismissed."""

from typing import Any

from django.db import transaction
from django.utils import timezone

from comet.stream import BadFrame, read_event
from portal.audit import services as audit
from portal.core.events import Fact, publish_all
from portal.fleet.services import by_operation
from portal.live import extras, gaps, ingest, set_aside
from portal.live.event_rows import is_readable, why_unreadable
from portal.live.fences import locked_server
from portal.live.models import Event, SetAside
from portal.operations import services as operations
from portal.operations.models import Operation
from portal.operations.services import Target
from portal.servers.models import CometServer

NOT_KEPT = "Nothing of it could be kept without keeping what may be secret."


def replay(kept: SetAside, *, user: Any, ip: str | None = None) -> str:
    """Tell one event once more, as a person asked; gives why it stays set aside, "" where it went in."""
    with audit.record(
        "event.replay", actor=user, tenant_id=kept.tenant_id, target=kept.event, ip=ip
    ) as entry:
        reason = tell_again(kept)
        entry.details["outcome"] = reason or "applied"
    return reason


def tell_again(kept: SetAside) -> str:
    """Read and apply an event that was set aside; gives why that failed again, and "" where it did not.

    One transaction, as for an event of the stream. Jobs and connections that are known newer stay as
    they are; what events of other kinds say is read from the server afresh, since it may be long past.

    Raises:
        Fenced: the server is not linked any more.
        django.db.OperationalError: the database did not take it; it stays set aside.
    """
    with transaction.atomic():
        server = locked_server(kept.server_id)
        reason = _apply(server, kept)
        if reason:
            SetAside.objects.filter(pk=kept.pk).update(
                reason=reason, replays=kept.replays + 1, replayed_at=timezone.now()
            )
        else:
            kept.delete()
    return reason


def _apply(server: CometServer, kept: SetAside) -> str:
    if kept.told is None:
        return NOT_KEPT
    item = read_event(set_aside.text_of(kept))
    if isinstance(item, BadFrame) or not is_readable(item):
        return why_unreadable(item)
    event = Event.objects.select_for_update().get(pk=kept.event_id)
    reason, applied = ingest.apply_late(server, item, event)
    if reason:
        return reason
    event.save()
    extras.keep(extras.found_in({event.pk: item}))
    gaps.mark(server.pk, timezone.now(), wants_sync=applied.wants_sync, usernames=applied.usernames)
    publish_all([Fact("activity.added", event.tenant_id, {"event": event.pk, "server": server.pk})])
    return ""


def dismiss(kept: SetAside, *, user: Any, ip: str | None = None) -> None:
    """Take an event off the list; it stays in the activity with what was wrong with it."""
    with transaction.atomic():
        audit.note(
            "event.dismiss",
            audit.DONE,
            actor=user,
            tenant_id=kept.tenant_id,
            target=kept.event,
            ip=ip,
            details={"reason": kept.reason},
        )
        kept.delete()


def replay_all(servers: list[CometServer], *, user: Any, ip: str | None = None) -> Operation:
    """Start telling once more all that is set aside of these servers, each an item.

    Where nobody's Tenant of `user` spans them all it is an Operation for each Tenant; gives the first.
    """
    targets = [
        Target("server", server.pk, server.name, server.tenant_id, server_name=server.name)
        for server in servers
    ]
    started = [
        operations.start(
            "event.replay",
            title="Replay events set aside",
            tenant_id=tenant_id,
            user=user,
            targets=group,
            ip=ip,
        )
        for tenant_id, group in by_operation(targets, user)
    ]
    return started[0]
