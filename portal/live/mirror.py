"""Routes events to the rooms that own the mirrored rows; what fails is told event by event."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import groupby
from typing import Any, Final

import msgspec
from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone

from comet.constants import StreamableEventType as Type
from comet.stream import StreamedEvent
from comet.types import ServerMetaVersionInfo
from portal.core.refusals import note_refusal
from portal.core.wire import AHEAD, is_key, moment
from portal.fleet.apply import apply_profiles, remove_profiles
from portal.fleet.connections import ConnectionChange, apply_connection_changes
from portal.fleet.models import UserProfile
from portal.fleet.records import ProfileRecord
from portal.jobs.apply import apply_jobs
from portal.jobs.changes import Stored
from portal.jobs.merge import GUID_LIMIT
from portal.jobs.records import JobRecord
from portal.live.order import may_be_removed, overtaken
from portal.live.placing import username_in
from portal.servers.bookkeeping import note_version
from portal.servers.models import CometServer


@dataclass(slots=True)
class Applied:
    """What a batch of events did to the mirror."""

    jobs: dict[str, Stored] = field(default_factory=dict)
    """By GUID, those that events told of."""
    problems: dict[int, str] = field(default_factory=dict)
    """Position -> why the event could not be applied."""
    wants_sync: bool = False
    """Something changed that only lists tell."""
    usernames: set[str] = field(default_factory=set)
    """Users whose profiles changed without the event saying how."""


Numbered = tuple[int, StreamedEvent]
Handler = Callable[[CometServer, Sequence[StreamedEvent], Applied], None]


def apply_to_mirror(
    server: CometServer, events: Mapping[int, StreamedEvent], *, posted: bool = False, late: bool = False
) -> Applied:
    """Write what follows from `events` (by position), within the caller's transaction.

    Profiles come before Devices and Jobs, whatever their order in the batch, since rows of the later
    kinds point at rows of the former. Events that take one another back have one handler, and it
    keeps their order. What was `posted` may come late, or again: a hello is believed if none is newer. With
    `late` they are told again long after: Jobs and connections know what is newer than an event; of the
    others it is only seen whether they can be read, and the lists are asked for.
    """
    applied = Applied()
    for types, handler in _LATE_HANDLERS if late else _POSTED_HANDLERS if posted else _HANDLERS:
        mine = [(position, event) for position, event in events.items() if event.event.type in types]
        if mine:
            _apply(server, mine, handler, applied)
    return applied


def _apply(server: CometServer, events: Sequence[Numbered], handler: Handler, applied: Applied) -> None:
    """All at once; where that fails one by one, so that a bad event stops no other."""
    try:
        with transaction.atomic():
            handler(server, [event for _, event in events], applied)
    except (OperationalError, InterfaceError):
        raise  # the database's trouble, not the events'
    except Exception as exc:
        if len(events) > 1:
            for one in events:
                _apply(server, [one], handler, applied)
            return
        position, event = events[0]
        applied.problems[position] = f"It could not be applied: {_reason(exc)}."
        note_refusal(
            "event",
            "not applied",
            server_id=server.pk,
            type=event.event.type,
            error=type(exc).__name__,
            exc_info=not isinstance(exc, msgspec.ValidationError | Unfit),
        )


def _reason(exc: Exception) -> str:
    """Why, without any value of the event."""
    if isinstance(exc, msgspec.ValidationError | Unfit):
        return str(exc)
    return f"its values do not fit ({type(exc).__name__})"


class Unfit(Exception):
    """What the event carries cannot be true; the message says why, without any value of it."""


class NoData(Unfit):
    """The event came without what it should carry."""


class InTheFuture(Unfit):
    """It tells of what has not happened."""


class _WithData(msgspec.Struct):
    data: msgspec.Raw = msgspec.field(default=msgspec.Raw(b"null"), name="Data")


_with_data = msgspec.json.Decoder(_WithData)


def _read(events: Sequence[StreamedEvent], record: type[Any]) -> list[Any]:
    """The data of each event as `record`, straight from the text it came as."""
    read = []
    for event in events:
        raw = _with_data.decode(event.text).data
        if bytes(raw) == b"null":
            raise NoData("it carries no data")
        read.append(msgspec.json.decode(raw, type=record))
    return read


def _jobs(server: CometServer, events: Sequence[StreamedEvent], applied: Applied) -> None:
    try:
        records = _read(events, JobRecord)
        _check_jobs(server, records)
    except (NoData, InTheFuture):
        applied.wants_sync = True
        raise
    applied.jobs |= apply_jobs(server, records).jobs


def _check_jobs(server: CometServer, records: Iterable[JobRecord]) -> None:
    """Raises Unfit for what could never be taken back: the later end of a Job holds."""
    latest = timezone.now() + timedelta(milliseconds=max(server.clock_drift_ms, 0)) + AHEAD
    for record in records:
        if not is_key(record.guid, GUID_LIMIT):
            raise Unfit("its GUID cannot be one")
        if max(record.start_time, record.end_time) > latest.timestamp():
            raise InTheFuture("its times lie in the future")


def _users(server: CometServer, events: Sequence[StreamedEvent], applied: Applied) -> None:
    for is_removal, run in groupby(events, lambda event: event.event.type == Type.ACCOUNT_REMOVED):
        (_removed_profiles if is_removal else _profiles)(server, list(run), applied)


def _profiles(server: CometServer, events: Sequence[StreamedEvent], applied: Applied) -> None:
    try:
        records = _read(events, ProfileRecord)
    except NoData:
        applied.wants_sync = True
        raise
    if not all(is_key(record.username, 255) for record in records):
        raise Unfit("its user name cannot be one")
    told = {record.username: event.event.timestamp for record, event in zip(records, events, strict=True)}
    doubtful = overtaken(server, told)
    applied.usernames |= doubtful
    latest = {record.username: record for record in records if record.username not in doubtful}
    if may_be_removed(server, {username: told[username] for username in latest}):
        applied.wants_sync = True
        known = UserProfile.objects.filter(server=server, username__in=latest)
        latest = {username: latest[username] for username in known.values_list("username", flat=True)}
    apply_profiles(server, latest.values())


def _removed_profiles(server: CometServer, events: Sequence[StreamedEvent], applied: Applied) -> None:
    """What such an event carries is not documented: a name that is no user's asks for the list."""
    for event in events:
        named = [event.event.data, username_in(event.event), event.event.resource_id]
        names = [name for name in named if isinstance(name, str) and name]
        known = set(
            UserProfile.objects.filter(server=server, username__in=names).values_list("username", flat=True)
        )
        doubtful = overtaken(server, dict.fromkeys(known, event.event.timestamp))
        applied.usernames |= doubtful
        if known:
            remove_profiles(server, sorted(known - doubtful))
        else:
            applied.wants_sync = True


def _devices(server: CometServer, events: Sequence[StreamedEvent], applied: Applied) -> None:
    """A Device was registered or removed; the profile it belongs to holds the whole truth."""
    owners = set(_owners(server, events))
    applied.usernames |= owners - {""}
    applied.wants_sync |= "" in owners


def _connections(server: CometServer, events: Sequence[StreamedEvent], applied: Applied) -> None:
    apply_connection_changes(
        server,
        [
            ConnectionChange(
                owner,
                event.event.resource_id,
                event.event.type == Type.DEVICE_LIVE_CONNECT,
                moment(event.event.timestamp),
            )
            for event, owner in zip(events, _owners(server, events), strict=True)
        ],
    )


def _owners(server: CometServer, events: Sequence[StreamedEvent]) -> list[str]:
    """The user each Device event speaks of; empty where it names an administrator, or nobody."""
    names = [username_in(event.event) or event.event.actor for event in events]
    known = UserProfile.objects.filter(server=server, username__in=set(names) - {""})
    usernames = set(known.values_list("username", flat=True))
    return [name if name in usernames else "" for name in names]


def _hello(server: CometServer, events: Sequence[StreamedEvent], applied: Applied) -> None:
    """What was queued for webhooks before a restart is lost: the server is read afresh."""
    applied.wants_sync |= note_version(server, _read(events[-1:], ServerMetaVersionInfo)[0])


def _posted_hello(server: CometServer, events: Sequence[StreamedEvent], applied: Applied) -> None:
    version = _read(events[-1:], ServerMetaVersionInfo)[0]
    applied.wants_sync |= note_version(server, version, posted=True)


def _lists(server: CometServer, events: Sequence[StreamedEvent], applied: Applied) -> None:
    applied.wants_sync = True


def _late_users(server: CometServer, events: Sequence[StreamedEvent], applied: Applied) -> None:
    _read([event for event in events if event.event.type != Type.ACCOUNT_REMOVED], ProfileRecord)
    applied.wants_sync = True


def _late_hello(server: CometServer, events: Sequence[StreamedEvent], applied: Applied) -> None:
    _read(events, ServerMetaVersionInfo)


_HANDLERS: Final[tuple[tuple[frozenset[int], Handler], ...]] = (
    (frozenset({Type.META_HELLO}), _hello),
    (frozenset({Type.ACCOUNT_NEW, Type.ACCOUNT_UPDATED, Type.ACCOUNT_REMOVED}), _users),
    (frozenset({Type.DEVICE_NEW, Type.DEVICE_REMOVED}), _devices),
    (frozenset({Type.DEVICE_LIVE_CONNECT, Type.DEVICE_LIVE_DISCONNECT}), _connections),
    (
        frozenset(
            {
                Type.TENANT_NEW,
                Type.TENANT_REMOVED,
                Type.TENANT_UPDATED,
                Type.POLICY_NEW,
                Type.POLICY_REMOVED,
                Type.POLICY_UPDATED,
            }
        ),
        _lists,
    ),
    (frozenset({Type.JOB_NEW, Type.JOB_COMPLETED}), _jobs),
)


def _handlers_with(instead: Mapping[Handler, Handler]) -> tuple[tuple[frozenset[int], Handler], ...]:
    return tuple((types, instead.get(handler, handler)) for types, handler in _HANDLERS)


_POSTED_HANDLERS: Final = _handlers_with({_hello: _posted_hello})
_LATE_HANDLERS: Final = _handlers_with({_hello: _late_hello, _users: _late_users})


def asked_types() -> list[int]:
    """The types of events that Comet Servers are asked for: those of EVENT_TYPES and what is handled here.

    Empty for all.
    """
    if not settings.EVENT_TYPES:
        return []
    return sorted({int(one) for types, _ in _HANDLERS for one in types} | set(settings.EVENT_TYPES))
