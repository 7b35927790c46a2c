"""Alerts of Protected Items and of the Storage Vaults they go to, from how their latest backups ended."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from portal.alerts import vaults
from portal.alerts.causes import OF_ITEM, Cause
from portal.alerts.models import Alert
from portal.alerts.rhythm import patience_of
from portal.alerts.rules import RuleBook
from portal.alerts.turns import Standing, Turned, turn
from portal.core.chunks import chunked
from portal.core.states import State
from portal.fleet.models import ProtectedItem
from portal.jobs.states import GOOD

CHUNK: Final = 500
MOST_AT_ONCE: Final = 20_000
"""Items that one sweep looks at; the next goes on."""

_FAILING: Final = tuple(OF_ITEM)


def evaluate(item_ids: Iterable[int]) -> Turned:
    """Bring the alerts of some Protected Items, and of their vaults, to where they stand.

    Work and queries follow the number of items given; the Jobs behind them are not gone through.
    """
    turned, rules = Turned(), RuleBook()
    for chunk in chunked(sorted(set(item_ids)), CHUNK):
        with transaction.atomic():
            turned += _evaluate(chunk, rules)
            turned += vaults.evaluate_of_items(chunk)
    return turned


def _evaluate(item_ids: Sequence[int], rules: RuleBook) -> Turned:
    now = timezone.now()
    patience = patience_of([item for item in _items(item_ids) if _is_quiet(item, rules, now)])
    _make_missing(item_ids, rules, now, patience)
    alerts = {alert.item_id: alert for alert in _locked(item_ids)}
    if not alerts:
        return Turned()
    return turn(
        (alerts[item.pk], standing_of(item, rules, now, patience, alerts[item.pk]))
        for item in _items([pk for pk in alerts if pk is not None])
    )


def _items(item_ids: Sequence[int]) -> Iterable[ProtectedItem]:
    items = ProtectedItem.objects.filter(pk__in=item_ids, server__unlinking_at=None)
    return items.select_related("device", "profile", "placement__tenant").order_by("pk")


def _locked(item_ids: Sequence[int]) -> Iterable[Alert]:
    return Alert.objects.select_for_update().filter(item__in=item_ids).order_by("pk")


def _make_missing(
    item_ids: Sequence[int], rules: RuleBook, now: datetime, patience: Mapping[int, timedelta]
) -> None:
    """A closed alert for each item that is broken and has none: what is locked must be there."""
    known = set(Alert.objects.filter(item__in=item_ids).values_list("item", flat=True))
    made = []
    for item in _items([pk for pk in item_ids if pk not in known]):
        standing = standing_of(item, rules, now, patience)
        if standing.is_known and standing.cause:
            made.append(
                Alert(
                    kind=Alert.Kind.ITEM,
                    server_id=item.server_id,
                    placement_id=item.placement_id,
                    profile_id=item.profile_id,
                    item=item,
                    label=standing.label,
                    cause=standing.cause,
                    opened_at=now,
                )
            )
    Alert.objects.bulk_create(made, ignore_conflicts=True)


def _is_quiet(item: ProtectedItem, rules: RuleBook, now: datetime) -> bool:
    """Whether it had no good backup for longer than its tenant waits."""
    days = rules.of(item.placement.tenant.path).silent_days
    good_at = item.last_success_at or item.device.registered_at
    return bool(days) and good_at is not None and now - good_at > timedelta(days=days)


def standing_of(
    item: ProtectedItem,
    rules: RuleBook,
    now: datetime,
    patience: Mapping[int, timedelta],
    alert: Alert | None = None,
) -> Standing:
    """How an item stands; loaded with device, profile and placement. `patience` names those that are
    backed up more rarely than their tenant waits, and how long they may stay away. `alert` is its own.
    """
    told: dict[str, Any] = {
        "placement_id": item.placement_id,
        "tenant_id": item.placement.tenant_id,
        "label": f"{item.device.name}: {item.name}",
    }
    if item.last_state in _FAILING:
        return Standing(cause=OF_ITEM[State(item.last_state)], message=item.last_message, **told)
    if item.profile.is_suspended:
        return Standing(is_known=False, **told)
    if _is_quiet(item, rules, now):
        days = timedelta(days=rules.of(item.placement.tenant.path).silent_days)
        usual = patience.get(item.pk, days)
        if item.last_success_at is None or now - item.last_success_at > usual:
            return Standing(cause=Cause.SILENT, message=_silence(max(days, usual)), **told)
    return Standing(is_known=_is_well(item, alert), **told)


def _is_well(item: ProtectedItem, alert: Alert | None) -> bool:
    """Whether an item that does not fail is well. A backup that was skipped or cancelled says nothing of
    what failed before it: only a good one that ended since does.
    """
    if item.last_state in GOOD:
        return True
    if item.last_success_at is None or alert is None:
        return False
    return alert.cause == Cause.SILENT or item.last_success_at > alert.opened_at


def _silence(allowed: timedelta) -> str:
    return f"No good backup for more than {allowed.days} days"


def missed_turns() -> list[int]:
    """Items whose alert does not say what they stand at: whoever should have evaluated them died."""
    items = ProtectedItem.objects.filter(server__unlinking_at=None)
    broken = items.filter(last_state__in=_FAILING).filter(
        ~Exists(Alert.objects.filter(item=OuterRef("pk"), is_open=True, cause=OuterRef("last_state")))
        | Q(alert__is_open=True) & ~Q(last_message="") & ~Q(alert__message=F("last_message"))
    )
    mended = items.filter(alert__is_open=True, last_state__in=GOOD).exclude(alert__cause=Cause.SILENT)
    moved = items.filter(alert__isnull=False).exclude(alert__placement=F("placement"))
    found: set[int] = set()
    for rows in (broken, mended, moved):
        found.update(rows.order_by().values_list("pk", flat=True)[:MOST_AT_ONCE])
    return sorted(found)


def silent_turns(now: datetime) -> list[int]:
    """Items that may have become silent, or are no longer. Looks at every item: for a slow beat."""
    before = now - timedelta(days=RuleBook().shortest_silence())
    items = ProtectedItem.objects.filter(server__unlinking_at=None)
    quiet = (
        items.filter(profile__is_suspended=False)
        .exclude(last_state__in=_FAILING)
        .exclude(alert__is_open=True)
        .filter(Q(last_success_at__lt=before) | Q(last_success_at=None, device__registered_at__lt=before))
    )
    heard = items.filter(alert__is_open=True, alert__cause=Cause.SILENT)
    return sorted({pk for rows in (quiet, heard) for pk in rows.values_list("pk", flat=True)[:MOST_AT_ONCE]})
