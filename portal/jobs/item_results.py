"""How Protected Items and Devices stand after their latest backups."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Final

from django.db import transaction
from django.utils import timezone

from comet.constants import JobClassification
from portal.core.chunks import chunked
from portal.core.events import Fact, publish_all
from portal.core.pacing import Pacer
from portal.core.prepared import Prepared
from portal.core.states import State, worst
from portal.core.updates import update_values
from portal.fleet.models import Device, ProtectedItem
from portal.jobs.merge import JobRow
from portal.jobs.models import Job
from portal.jobs.states import BAD, GOOD
from portal.servers.models import CometServer
from portal.servers.placements import lock_server

WINDOW: Final = timedelta(days=31)
"""How far back results are looked through; beyond it only the very last one counts."""

_CHUNK: Final = 200

after_turns: Final[list[Callable[[Sequence[int]], None]]] = []
"""Told, within the transaction, the ids of Protected Items that stand otherwise than before: later rooms
act on commit, and find by themselves what they were not told."""

ItemKey = tuple[int, str]
"""Profile id and the item's GUID."""


@dataclass(frozen=True, slots=True)
class Result:
    """How one backup of a Protected Item ended."""

    item: ItemKey
    guid: str
    status: int
    state: str
    ended_at: datetime
    message: str = ""

    @classmethod
    def of(cls, row: JobRow) -> "Result | None":
        """The result a Job holds; None while it runs and for Jobs that are no backups."""
        if row.ended_at is None or row.profile_id is None:
            return None
        if row.classification != JobClassification.BACKUP:
            return None
        return cls((row.profile_id, row.item_guid), row.guid, row.status, row.state, row.ended_at)


@dataclass(slots=True)
class Standing:
    """How a Protected Item stands: the columns that are read, and from the fifth on written."""

    pk: int
    profile_id: int
    guid: str
    device_id: int
    last_job_guid: str
    last_status: int
    last_state: str
    last_message: str
    last_job_at: datetime | None
    last_success_at: datetime | None
    bad_since: datetime | None


@dataclass(slots=True)
class DeviceStanding:
    """How a Device stands: the columns that are read, and from the fourth on written."""

    pk: int
    placement_id: int
    server_id: int
    state: str
    last_job_at: datetime | None
    last_success_at: datetime | None
    sort_last_job_at: datetime


_ITEM_READ: Final = tuple(field.name for field in fields(Standing))
_DEVICE_READ: Final = tuple(field.name for field in fields(DeviceStanding))
_ITEM_COLUMNS: Final = _ITEM_READ[4:]
_DEVICE_COLUMNS: Final = _DEVICE_READ[3:]
_item_values = attrgetter(*_ITEM_COLUMNS, "pk")
_device_values = attrgetter(*_DEVICE_COLUMNS, "pk")

_items = Prepared(
    lambda server, profile_ids, guids: ProtectedItem.objects.filter(
        server=server, profile__any_of=profile_ids, guid__any_of=guids
    ).values_list(*_ITEM_READ)
)
_items_by_id = Prepared(
    lambda ids: ProtectedItem.objects.filter(pk__any_of=ids).order_by("pk").values_list(*_ITEM_READ)
)
_beside = Prepared(
    lambda device_ids: ProtectedItem.objects.filter(device__any_of=device_ids).values_list(
        "device_id", "last_state", "last_job_at", "last_success_at"
    )
)
_devices = Prepared(lambda ids: Device.objects.filter(pk__any_of=ids).values_list(*_DEVICE_READ))


def apply_results(server: CometServer, rows: Iterable[JobRow], tenant_ids: dict[int, int]) -> None:
    """Bring items and Devices up to date with a batch of Jobs, within the caller's transaction.

    `tenant_ids` says which Tenant owns a placement, for the facts. A result older than what an item
    stands at makes that item be worked out anew from its Jobs.
    """
    results: dict[ItemKey, list[Result]] = defaultdict(list)
    for row in rows:
        if (result := Result.of(row)) is not None:
            results[result.item].append(result)
    if not results:
        return
    items, late = [], []
    before: dict[int, str] = {}
    for item in _items_of(server, results):
        own = _telling(item, results[item.profile_id, item.guid])
        if not own:
            continue
        items.append(item)
        before[item.pk] = item.last_state
        if item.last_job_at is not None and own[0].ended_at < item.last_job_at:
            late.append(item)
        else:
            _walk(item, own)
    _work_out(late)
    _save(items, tenant_ids)
    tell_turns([item.pk for item in items if item.last_state != before[item.pk]])


def refresh_items(server: CometServer) -> None:
    """Work out how every item and Device of `server` stands from its stored Jobs, in short transactions."""
    item_ids = (
        ProtectedItem.objects.filter(server=server).order_by("device_id", "pk").values_list("pk", flat=True)
    )
    tenant_ids = dict(server.placements.values_list("pk", "tenant_id"))
    pacer = Pacer()
    for chunk in chunked(list(item_ids), _CHUNK):
        with pacer, transaction.atomic():
            lock_server(server)
            items = [Standing(*columns) for columns in _items_by_id(chunk)]
            before = _states(items)
            _work_out(items)
            _save(items, tenant_ids)
            tell_turns([item.pk for item in items if item.last_state != before[item.pk]])
    pacer.rest()


def tell_turns(item_ids: Sequence[int]) -> None:
    """Tell later rooms of items that stand otherwise than before."""
    if item_ids:
        for follow in after_turns:
            follow(item_ids)


def _states(items: Iterable[Standing]) -> dict[int, str]:
    return {item.pk: item.last_state for item in items}


def _items_of(server: CometServer, results: dict[ItemKey, list[Result]]) -> Iterator[Standing]:
    found = _items(server.pk, {profile for profile, _ in results}, {guid for _, guid in results})
    items = (Standing(*columns) for columns in found)
    return (item for item in items if (item.profile_id, item.guid) in results)


def _order(result: Result) -> tuple[datetime, str]:
    return result.ended_at, result.guid


def _telling(item: Standing, results: Iterable[Result]) -> list[Result]:
    """Those that may change how `item` stands, oldest first. It stands as its latest says where that is a
    success; what ended before tells nothing then.
    """
    telling = sorted(results, key=_order)
    told_anew = any(result.guid == item.last_job_guid for result in telling)
    if item.last_state != State.SUCCEEDED or item.last_job_at is None or told_anew:
        return telling
    return [result for result in telling if result.ended_at >= item.last_job_at]


def _walk(item: Standing, results: Iterable[Result]) -> None:
    """Let `item` take results, oldest first."""
    for result in results:
        state = State(result.state)
        if result.guid != item.last_job_guid:
            item.last_message = result.message
        item.last_job_guid = result.guid
        item.last_status, item.last_state = result.status, state.value
        item.last_job_at = result.ended_at
        if state in GOOD:
            item.last_success_at = max(item.last_success_at or result.ended_at, result.ended_at)
        if state == State.SUCCEEDED:
            item.bad_since = None
        elif state in BAD:
            item.bad_since = item.bad_since or result.ended_at


def _work_out(items: Sequence[Standing]) -> None:
    """Set the items' columns from their stored Jobs."""
    found = _stored_results(items, since=timezone.now() - WINDOW)
    silent = [item for item in items if not found[item.profile_id, item.guid]]
    for key, results in _stored_results(silent, since=None).items():
        found[key] = results[-1:]
    for item in items:
        results = found[item.profile_id, item.guid]
        if results:
            bad_before = item.bad_since is not None and item.bad_since < results[0].ended_at
            item.bad_since = item.bad_since if bad_before else None
            _walk(item, results)


def _stored_results(
    items: Sequence[Standing], *, since: datetime | None
) -> defaultdict[ItemKey, list[Result]]:
    """Ended backups of each item, oldest first."""
    found: defaultdict[ItemKey, list[Result]] = defaultdict(list)
    if not items:
        return found
    jobs = Job.objects.filter(
        profile_id__in={item.profile_id for item in items},
        item_guid__in={item.guid for item in items},
        classification=JobClassification.BACKUP,
        ended_at__isnull=False,
    )
    if since is not None:
        jobs = jobs.filter(started_at__gte=since)
    columns = ("profile_id", "item_guid", "guid", "status", "state", "ended_at", "message")
    for profile_id, item_guid, *result in jobs.order_by("ended_at", "guid").values_list(*columns):
        found[profile_id, item_guid].append(Result((profile_id, item_guid), *result))
    return found


def _save(items: Sequence[Standing], tenant_ids: dict[int, int]) -> None:
    """Write what differs of the items, then of their Devices, and tell of the Devices."""
    if not items:
        return
    for part in chunked(items, _CHUNK):
        update_values(ProtectedItem, _ITEM_COLUMNS, map(_item_values, part))
    device_ids = {item.device_id for item in items}
    beside: dict[int, list[tuple[str, datetime | None, datetime | None]]] = defaultdict(list)
    for device_id, state, last_job_at, last_success_at in _beside(device_ids):
        beside[device_id].append((state, last_job_at, last_success_at))
    devices = (DeviceStanding(*columns) for columns in _devices(device_ids))
    changed = [device for device in devices if _stand_as(device, beside[device.pk])]
    for turned in chunked(changed, _CHUNK):
        update_values(Device, _DEVICE_COLUMNS, map(_device_values, turned))
    publish_all(
        Fact(
            "device.changed",
            tenant_ids.get(device.placement_id),
            {"device": device.pk, "server": device.server_id},
        )
        for device in changed
    )


def _stand_as(device: DeviceStanding, items: Sequence[tuple[str, datetime | None, datetime | None]]) -> bool:
    """Give `device` the worst state and the latest times of its items; whether that changed it."""
    before = (device.state, device.last_job_at, device.last_success_at)
    device.state = worst(State(state) for state, _, _ in items).value
    device.last_job_at = max((at for _, at, _ in items if at is not None), default=device.last_job_at)
    device.last_success_at = max((at for _, _, at in items if at is not None), default=device.last_success_at)
    device.sort_last_job_at = device.last_job_at or device.sort_last_job_at
    return before != (device.state, device.last_job_at, device.last_success_at)
