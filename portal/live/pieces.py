"""Small pieces of pages, rendered once for everybody who may see them.

Each is drawn by the partial that the page itself includes. A partial holds nothing that depends on
the reader: no buttons, no links that need a permission, times as `<time datetime>`.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Final, NamedTuple

from django.db.models import QuerySet
from django.template.loader import get_template

from portal.fleet.models import Device
from portal.jobs.models import Job
from portal.live.models import Event
from portal.live.topics import Sight, Topic
from portal.operations.models import Operation, OperationItem
from portal.servers.models import CometServer


class Piece(NamedTuple):
    """One element of a page by its DOM id, and who may see it where."""

    dom_id: str
    html: str
    tenant_id: int
    permission: str
    topics: frozenset[Topic]

    def is_for(self, topics: frozenset[Topic], sight: Sight) -> bool:
        return not self.topics.isdisjoint(topics) and sight.sees(self.permission, self.tenant_id)


class Source(NamedTuple):
    """How rows of one kind are read, and what is drawn of each."""

    rows: Callable[[], QuerySet[Any]]
    permission: str
    variable: str
    partials: Mapping[str, str]
    """DOM id, with `{}` for the row's id -> template."""


LINE: Final = (
    *("source", "type", "state", "problem", "summary", "happened_at", "received_at"),
    *("placement__tenant", "server__name"),
)
"""What a line of activity says of an event, and whose it is. Of all kinds they are by far the most."""

STATUS: Final = (
    *("state", "status", "started_at", "ended_at", "progress_items", "progress_items_total"),
    "placement__tenant",
)
"""How a Job stands, and whose it is."""

SOURCES: Final[Mapping[str, Source]] = {
    "job": Source(
        lambda: Job.objects.select_related("placement").only(*STATUS),
        "job:view",
        "job",
        {"job-{}-status": "jobs/_job_status.html", "job-{}-end": "jobs/_job_end.html"},
    ),
    "device": Source(
        lambda: Device.objects.select_related("placement", "server", "profile"),
        "device:view",
        "device",
        {"device-{}-status": "fleet/_device_status.html", "device-{}-online": "fleet/_device_online.html"},
    ),
    "server": Source(
        lambda: CometServer.objects.select_related("tenant"),
        "server:view",
        "server",
        {"server-{}-freshness": "servers/_server_freshness.html"},
    ),
    "event": Source(
        lambda: Event.objects.select_related("placement", "server").only(*LINE).order_by("received_at", "pk"),
        "activity:view",
        "event",
        {"event-{}": "live/_activity_line.html"},
    ),
    "operation": Source(
        lambda: Operation.objects.select_related("tenant"),
        "operation:view",
        "operation",
        {"operation-{}-progress": "operations/_operation_progress.html"},
    ),
    "operation_item": Source(
        lambda: OperationItem.objects.select_related("operation"),
        "operation:view",
        "item",
        {"operation-item-{}-progress": "operations/_item_progress.html"},
    ),
}


def render_pieces(wanted: Mapping[str, Mapping[int, Collection[Topic]]]) -> Iterator[Piece]:
    """Draw the rows of `wanted` (kind -> id -> topics). One query per kind; vanished rows give none."""
    for kind, by_id in wanted.items():
        source = SOURCES[kind]
        partials = [(pattern, get_template(name)) for pattern, name in source.partials.items()]
        for row in source.rows().filter(pk__any_of=by_id):
            topics = frozenset(by_id[row.pk])
            for pattern, template in partials:
                html = template.render({source.variable: row}).strip()
                yield Piece(pattern.format(row.pk), html, row.tenant_id, source.permission, topics)
