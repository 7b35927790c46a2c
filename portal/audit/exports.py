"""The audit as files: a row per action as CSV, and everything of it as JSON lines."""

import json
from collections.abc import Iterator
from typing import Any, Final

from portal.audit.models import Entry
from portal.audit.selectors import owner_details
from portal.audit.words import said
from portal.core.access import Access

HEADER: Final = (
    "Entry",
    "Began (UTC)",
    "Who",
    "Viewing as",
    "Via",
    "From",
    "Action",
    "Said",
    "Tenant",
    "Object type",
    "Object id",
    "Object",
    "Outcome",
    "Duration (ms)",
    "Details",
    "Details at the end",
    "Number in the chain",
    "Number of the end",
)


class Exporter:
    """Writes actions as `access` may read them."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def cells(self, entry: Entry) -> list[Any]:
        end = _end_of(entry)
        return [
            entry.pk,
            entry.at,
            entry.actor_label,
            entry.viewing_as,
            entry.via,
            entry.ip_address,
            entry.action,
            said(entry.action),
            entry.tenant.name if entry.tenant else "",
            entry.object_type or (end.object_type if end else ""),
            entry.object_id or (end.object_id if end else ""),
            entry.object_label or (end.object_label if end else ""),
            end.outcome if end else "",
            end.duration_ms if end else None,
            self._json(entry),
            self._json(end) if end else "",
            entry.number,
            end.number if end else None,
        ]

    def lines(self, chunks: Iterator[list[Entry]]) -> Iterator[str]:
        for chunk in chunks:
            yield "".join(json.dumps(self._record(entry)) + "\n" for entry in chunk)

    def _record(self, entry: Entry) -> dict[str, Any]:
        return {
            **self._half(entry),
            "said": said(entry.action),
            "ended": [self._half(end) for end in reversed(_ends_of(entry))],
        }

    def _half(self, entry: Entry) -> dict[str, Any]:
        return {
            "id": entry.pk,
            "at": entry.at.isoformat(),
            "phase": entry.phase,
            "action": entry.action,
            "outcome": entry.outcome,
            "tenant": entry.tenant_id,
            "actor": entry.actor_id,
            "who": entry.actor_label,
            "viewing_as": entry.viewing_as,
            "via": entry.via,
            "from": entry.ip_address,
            "object": {"type": entry.object_type, "id": entry.object_id, "label": entry.object_label},
            "details": entry.details | owner_details(self._access, entry),
            "duration_ms": entry.duration_ms,
            "number": entry.number,
            "mac": entry.mac,
        }

    def _json(self, entry: Entry) -> str:
        details = entry.details | owner_details(self._access, entry)
        return json.dumps(details, ensure_ascii=False) if details else ""


def _ends_of(entry: Entry) -> list[Entry]:
    return getattr(entry, "endings", [])


def _end_of(entry: Entry) -> Entry | None:
    ends = _ends_of(entry)
    return ends[0] if ends else None
