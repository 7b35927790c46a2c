"""How Protected Items and Devices stand after their latest backups."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.utils import timezone

from comet.constants import JobClassification
from portal.core.bulk import Pacer, chunked
from portal.core.events import Fact, publish_all
from portal.core.states import State, worst
from portal.core.updates import update_rows
from portal.fleet.models import Device, ProtectedItem
from portal.jobs.merge import JobRow
from portal.jobs.models import Job
from portal.jobs.states import BAD, GOOD
from portal.servers.models import CometServer
from portal.servers.placements import lock_server

WINDOW: Final = timedelta(days=31)
"""How far back results are looked through; beyond it only the very last one counts."""

_CHUNK: Final = 200
_ITEM_COLUMNS: Final = (
    "last_job_guid",
    "last_status",
    "last_state",
    "last_message",
    "last_job_at",
    "last_success_at",
    "bad_since",
)
_DEVICE_COLUMNS: Final = ("state", "last_job_at", "last_success_at", "sort_last_job_at")

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
    items, late = list(_items_of(server, results)), []
    before = _states(items)
    for item in items:
        own = sorted(results[item.profile_id, item.guid], key=_order)
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
            items = list(ProtectedItem.objects.filter(pk__in=chunk))
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


def _states(items: Iterable[ProtectedItem]) -> dict[int, str]:
    return {item.pk: item.last_state for item in items}


def _items_of(server: CometServer, results: dict[ItemKey, list[Result]]) -> Iterator[ProtectedItem]:
    found = ProtectedItem.objects.filter(
        server=server,
        profile_id__in={profile for profile, _ in results},
        guid__in={guid for _, guid in results},
    )
    return (item for item in found if (item.profile_id, item.guid) in results)


def _order(result: Result) -> tuple[datetime, str]:
    return result.ended_at, result.guid


def _walk(item: ProtectedItem, results: Iterable[Result]) -> None:
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


def _work_out(items: Sequence[ProtectedItem]) -> None:
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
    items: Sequence[ProtectedItem], *, since: datetime | None
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


def _save(items: Sequence[ProtectedItem], tenant_ids: dict[int, int]) -> None:
    """Write what differs of the items, then of their Devices, and tell of the Devices."""
    if not items:
        return
    for part in chunked(items, _CHUNK):
        update_rows(part, _ITEM_COLUMNS)
    device_ids = {item.device_id for item in items}
    beside: dict[int, list[tuple[str, datetime | None, datetime | None]]] = defaultdict(list)
    standing = ProtectedItem.objects.filter(device_id__in=device_ids)
    for device_id, state, last_job_at, last_success_at in standing.values_list(
        "device_id", "last_state", "last_job_at", "last_success_at"
    ):
        beside[device_id].append((state, last_job_at, last_success_at))
    changed = [
        device for device in Device.objects.filter(pk__in=device_ids) if _stand_as(device, beside[device.pk])
    ]
    for devices in chunked(changed, _CHUNK):
        update_rows(devices, _DEVICE_COLUMNS)
    publish_all(
        Fact(
            "device.changed",
            tenant_ids.get(device.placement_id),
            {"device": device.pk, "server": device.server_id},
        )
        for device in changed
    )


def _stand_as(device: Device, items: Sequence[tuple[str, datetime | None, datetime | None]]) -> bool:
    """Give `device` the worst state and the latest times of its items; whether that changed it."""
    before = (device.state, device.last_job_at, device.last_success_at)
    device.state = worst(State(state) for state, _, _ in items).value
    device.last_job_at = max((at for _, at, _ in items if at is not None), default=device.last_job_at)
    device.last_success_at = max((at for _, _, at in items if at is not None), default=device.last_success_at)
    device.sort_last_job_at = device.last_job_at or device.sort_last_job_at
    return before != (device.state, device.last_job_at, device.last_success_at)
