"""Opens and closes alerts: what their series stands at against what they say. Safe to repeat.

What has to be told is stored with the turn itself, in one transaction (`Opening.opening_told`), so
that a process killed at any point neither loses it nor tells it twice.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone

from portal.alerts.causes import Cause
from portal.alerts.models import Alert, Opening
from portal.core.events import Fact, publish_all
from portal.core.wire import clip

FLAPPING: Final = timedelta(hours=1)
"""A series that breaks again so soon after it closed goes on with the same episode."""

_COLUMNS: Final = (
    "placement",
    "label",
    "is_open",
    "cause",
    "message",
    "opened_at",
    "closed_at",
    "openings_count",
    "acknowledged_at",
    "acknowledged_by",
    "note",
    "snoozed_until",
)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a series stands. Without a cause it is well; `is_known` False leaves its alert as it is."""

    placement_id: int
    tenant_id: int
    label: str
    cause: Cause | None = None
    message: str = ""
    is_known: bool = True


@dataclass(slots=True)
class Turned:
    """What an evaluation did."""

    opened: int = 0
    closed: int = 0
    changed: int = 0

    def __iadd__(self, other: "Turned") -> "Turned":
        self.opened += other.opened
        self.closed += other.closed
        self.changed += other.changed
        return self


def turn(pairs: Iterable[tuple[Alert, Standing]]) -> Turned:
    """Bring alerts to where their series stand; their rows are locked by the caller's transaction.

    The number of queries is the same for one as for 500; none where nothing turns.
    """
    now, turned = timezone.now(), Turned()
    changed: list[tuple[Alert, Standing]] = []
    opened: list[Alert] = []
    closed: list[int] = []
    retold: list[Alert] = []
    for alert, standing in pairs:
        message = clip(standing.message, 500)
        placed = (alert.placement_id, alert.label) != (standing.placement_id, standing.label)
        alert.placement_id, alert.label = standing.placement_id, standing.label
        if standing.is_known and standing.cause is not None and not alert.is_open:
            _open(alert, standing.cause, message, now)
            opened.append(alert)
        elif standing.is_known and standing.cause is None and alert.is_open:
            alert.is_open, alert.closed_at = False, now
            closed.append(alert.pk)
        elif standing.is_known and standing.cause and _says_else(alert, standing.cause, message):
            alert.cause, alert.message = standing.cause, message
            retold.append(alert)
        elif not placed:
            continue
        changed.append((alert, standing))
    if not changed:
        return turned
    _start_openings(opened, now)
    Alert.objects.bulk_update([alert for alert, _ in changed], _COLUMNS, batch_size=50)
    if closed:
        Opening.objects.filter(alert__in=closed, closed_at=None).update(closed_at=now)
    _retell_openings(retold)
    new = {alert.pk for alert in opened}
    publish_all(
        Fact("alert.changed", standing.tenant_id, {"alert": alert.pk, "opened": int(alert.pk in new)})
        for alert, standing in changed
    )
    return Turned(len(opened), len(closed), len(changed))


def _says_else(alert: Alert, cause: Cause, message: str) -> bool:
    """Whether it broke in another way, or more is known of why; a log not read yet says nothing."""
    return alert.cause != cause or (message != "" and message != alert.message)


def _open(alert: Alert, cause: Cause, message: str, now: datetime) -> None:
    alert.is_open, alert.cause, alert.message = True, cause, message
    alert.opened_at = now
    alert.openings_count += 1
    alert.acknowledged_at, alert.acknowledged_by_id, alert.note = None, None, ""


def _start_openings(opened: list[Alert], now: datetime) -> None:
    """Their Openings; one that follows another within the hour belongs to the same episode."""
    before = dict(
        Opening.objects.filter(
            alert__in=[alert.pk for alert in opened if alert.openings_count > 1],
            closed_at__gt=now - FLAPPING,
        )
        .order_by("number")
        .values_list("alert_id", "episode")
    )
    Opening.objects.bulk_create(
        Opening(
            alert=alert,
            number=alert.openings_count,
            episode=before.get(alert.pk, alert.openings_count),
            cause=alert.cause,
            message=alert.message,
            opened_at=now,
        )
        for alert in opened
    )
    for alert in opened:
        alert.closed_at = None


def _retell_openings(retold: list[Alert]) -> None:
    """Write into the Openings under way what their alerts say now."""
    by_pk = {alert.pk: alert for alert in retold}
    openings = list(Opening.objects.filter(alert__in=by_pk, closed_at=None)) if by_pk else []
    for opening in openings:
        alert = by_pk[opening.alert_id]
        opening.cause, opening.message = alert.cause, alert.message
    Opening.objects.bulk_update(openings, ["cause", "message"], batch_size=200)
