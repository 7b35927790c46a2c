"""Failures that come again and again: one action a minute that says how often.

The first one is written at once. What is the same for the next minute (the action, where it comes
from, and what the caller names) is only counted; then the end is written, with the count.
"""

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from django.db import IntegrityError, models, transaction
from django.utils import timezone

from portal.audit import origin
from portal.audit.models import Entry, Repeat
from portal.audit.services import begin, end, label_of

WINDOW: Final = timedelta(minutes=1)
MOST_PEOPLE: Final = 20
"""Names kept of those somebody tried to be."""


def note_refusal(
    action: str,
    *,
    tenant_id: int | None,
    actor: Any = None,
    actor_label: str = "",
    target: models.Model | None = None,
    ip: str | None = None,
    details: Mapping[str, Any] | None = None,
    same: str = "",
) -> None:
    """Count one refused attempt; attempts are the same by action, address, Tenant, actor and `same`."""
    ip = ip or origin.current().ip
    label = actor_label or label_of(actor)
    origin.current().refusals += 1
    key = _key(action, origin.network_of(ip), tenant_id, actor.pk if actor is not None else None, same)
    for _ in range(3):  # the second finds what another process wrote a moment before
        if _count(key, label):
            return
        try:
            with transaction.atomic():
                begun = begin(
                    action,
                    actor=actor,
                    actor_label=actor_label,
                    tenant_id=tenant_id,
                    target=target,
                    ip=ip,
                    details=details,
                )
                Repeat.objects.create(key=key, begun=begun, people=[label], closes_at=begun.at + WINDOW)
            return
        except IntegrityError:
            continue


def close_over() -> int:
    """Write the ends of those whose minute is over; tells how many."""
    over = Repeat.objects.filter(closes_at__lte=timezone.now())
    return sum(_close(pk) for pk in over.order_by("closes_at").values_list("pk", flat=True)[:1000])


def _count(key: str, label: str) -> bool:
    """Add one to what is being counted; False where nothing is, or no longer."""
    with transaction.atomic():
        repeat = Repeat.objects.select_for_update().filter(key=key).first()
        if repeat is None:
            return False
        if repeat.closes_at <= timezone.now():
            _write_end(repeat)
            return False
        repeat.times += 1
        if label not in repeat.people and len(repeat.people) < MOST_PEOPLE:
            repeat.people.append(label)
        repeat.save(update_fields=["times", "people"])
    return True


def _close(pk: int) -> bool:
    with transaction.atomic():
        repeat = Repeat.objects.select_for_update().filter(pk=pk, closes_at__lte=timezone.now()).first()
        if repeat is None:
            return False
        _write_end(repeat)
    return True


def _write_end(repeat: Repeat) -> None:
    """Call it with the row locked."""
    details: dict[str, Any] = {"times": repeat.times} if repeat.times > 1 else {}
    if len(repeat.people) > 1:
        details["people"] = repeat.people
    end(Entry.objects.get(pk=repeat.begun_id), Entry.Outcome.REFUSED, details=details, duration_ms=0)
    repeat.delete()


def _key(*parts: object) -> str:
    return hashlib.sha256("\n".join(str(part) for part in parts).encode("utf-8", "replace")).hexdigest()
