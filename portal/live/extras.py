"""What frames tell beside the fields that are known here: kept for the pages of their events.

Newer Comet Servers add fields. An event that has none costs next to nothing here.
"""

from collections.abc import Mapping
from typing import Any

from comet.frames import KnownEvent, StreamedEvent
from portal.live.models import Event, EventExtra
from portal.live.secrets import without_secrets

Fields = dict[str, Any]


def found_in(items: Mapping[int, StreamedEvent]) -> dict[int, Fields]:
    """The unknown fields of those that have any, under the same keys, as they came."""
    return {
        key: fields
        for key, item in items.items()
        if not isinstance(item.event, KnownEvent) and (fields := item.unknown_fields())
    }


def keep(found: Mapping[int, Fields]) -> None:
    """Store unknown fields by the ids of their events, in the transaction that stores those."""
    rows = [EventExtra(event_id=pk, told=without_secrets(fields)) for pk, fields in found.items()]
    EventExtra.objects.bulk_create(rows, ignore_conflicts=True)  # what is replayed may have them already


def told_beside(event: Event) -> Fields | None:
    """The fields of an event's frame that are not known here, as stored; None where it had none."""
    return EventExtra.objects.filter(event=event).values_list("told", flat=True).first()
