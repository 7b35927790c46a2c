"""Events as files: a row each as CSV, and with all that is stored of them as JSON lines."""

import json
from collections.abc import Iterator
from typing import Any, Final

from django.http import HttpRequest

from portal.core.access import Access
from portal.core.paging import keyset_chunks
from portal.core.querysets import TenantQuerySet
from portal.live.models import Event
from portal.live.search import NEWEST, SORTS, Search, look_at_all

MOST: Final = 100_000
"""Events of one file: the newest."""

HEADER: Final = (
    "Id",
    "Received (UTC)",
    "Happened (UTC)",
    "Server",
    "Tenant",
    "Type",
    "Type name",
    "What happened",
    "State",
    "Caused by",
    "Concerns",
    "Organization",
    "Received by",
    "Problem",
)


def cells(event: Event) -> list[Any]:
    return [
        event.pk,
        event.received_at,
        event.happened_at,
        event.server.name,
        event.placement.tenant.name,
        event.type,
        event.type_string,
        event.summary,
        event.state,
        event.actor,
        event.resource_id,
        event.organization_id,
        event.get_source_display(),
        event.problem,
    ]


def chunks(
    search: Search, access: Access, request: HttpRequest, *, with_data: bool = False
) -> Iterator[list[Event]]:
    """The newest events that are found, at most `MOST`, as many at a time as one short query gives."""
    left = MOST
    for part in look_at_all(search, access):
        for chunk in keyset_chunks(_rows(part, with_data), request, sorts=SORTS, default=NEWEST):
            yield chunk[:left]
            left -= len(chunk)
            if left <= 0:
                return


def lines(found: Iterator[list[Event]]) -> Iterator[str]:
    for chunk in found:
        yield "".join(json.dumps(_record(event), ensure_ascii=False) + "\n" for event in chunk)


def _rows(rows: TenantQuerySet[Event], with_data: bool) -> TenantQuerySet[Event]:
    rows = rows.select_related("server", "placement__tenant")
    return rows.defer(None).select_related("extra") if with_data else rows


def _record(event: Event) -> dict[str, Any]:
    return {
        "id": event.pk,
        "received_at": event.received_at.isoformat(),
        "happened_at": event.happened_at.isoformat(),
        "server": event.server.name,
        "tenant": event.placement.tenant.name,
        "type": event.type,
        "type_string": event.type_string,
        "summary": event.summary,
        "state": event.state,
        "actor": event.actor,
        "resource_id": event.resource_id,
        "organization_id": event.organization_id,
        "source": event.source,
        "problem": event.problem,
        "data": event.data,
        "other_fields": event.extra.told if hasattr(event, "extra") else None,
    }
