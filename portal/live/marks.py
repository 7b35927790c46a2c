"""Facts into what they touch: pieces to render, and marks that tell a page to ask again."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import msgspec
from django.utils.html import format_html

from portal.core.events import Fact
from portal.live.topics import Sight, Topic

OVERVIEW: Final = Topic("overview")
ALERTS: Final = "alerts"
FRESHNESS: Final = "freshness"
PLACEMENTS: Final = "placements"
ON_EVERY_PAGE: Final = frozenset({"servers", "operations", ALERTS, FRESHNESS, PLACEMENTS})
"""Marks that every page follows: the shell's pills, its count of alerts, and that all rows of a Tenant may
be others now."""


COUNTED_BY_TENANT: Final = frozenset({"devices"})
"""Marks that the page of a Tenant follows."""


class Want(NamedTuple):
    """A row that some page may show, and the topics of the pages that do."""

    kind: str
    id: int
    topics: frozenset[Topic]


class Mark(NamedTuple):
    """An id in a list that changed, for pages that count or list such rows."""

    name: str
    id: int
    tenant_id: int | None
    permission: str
    topics: frozenset[Topic]
    is_added: bool = False

    def is_for(self, topics: frozenset[Topic], sight: Sight) -> bool:
        listens = self.name in ON_EVERY_PAGE or not self.topics.isdisjoint(topics) or self._is_in(sight)
        return listens and sight.sees(self.permission, self.tenant_id)

    def _is_in(self, sight: Sight) -> bool:
        """Whether it is of a Tenant whose page is open, or of one below it, and counted there."""
        return self.name in COUNTED_BY_TENANT and any(self.tenant_id in branch for branch in sight.branches)


def wants_of(fact: Fact) -> Iterator[Want]:
    """The rows of which a fact changes small visible pieces."""
    ids = fact.ids
    match fact.name:
        case "job.changed":
            yield Want("job", ids["job"], _job_topics(ids))
        case "device.changed":
            yield Want("device", ids["device"], frozenset({Topic("devices"), Topic("device", ids["device"])}))
        case "server.changed" | "server.heard":
            one = Topic("server", ids["server"])
            yield Want("server", ids["server"], frozenset({Topic("servers"), OVERVIEW, one}))
        case "operation.changed":
            one = Topic("operation", ids["operation"])
            yield Want("operation", ids["operation"], frozenset({Topic("operations"), one}))
            if ids.get("item"):
                yield Want("operation_item", ids["item"], frozenset({one}))
        case "activity.added":
            yield Want("event", ids["event"], frozenset({Topic("activity"), OVERVIEW}))


def mark_of(fact: Fact) -> Mark | None:
    """The list a fact changes, if pages list or count such rows."""
    ids, tenant_id = fact.ids, fact.tenant_id
    match fact.name:
        case "job.changed" | "job.added":
            topics = _job_topics(ids) | {OVERVIEW}
            return Mark("jobs", ids["job"], tenant_id, "job:view", topics, fact.name == "job.added")
        case "device.changed":
            topics = frozenset({Topic("devices"), OVERVIEW, Topic("device", ids["device"])})
            return Mark("devices", ids["device"], tenant_id, "device:view", topics)
        case "server.changed":
            return Mark("servers", ids["server"], tenant_id, "server:view", frozenset())
        case "operation.changed":
            return Mark("operations", ids["operation"], tenant_id, "operation:view", frozenset())
        case "alert.changed":
            return Mark(ALERTS, ids["alert"], tenant_id, "alert:view", frozenset(), bool(ids.get("opened")))
        case "placement.changed":
            return Mark(PLACEMENTS, tenant_id or 0, tenant_id, "device:view", frozenset())
    return None


def freshness_mark(tenant_id: int) -> Mark:
    """Something this Tenant has is on a server whose stream changed; which server is not said."""
    return Mark(FRESHNESS, 0, tenant_id, "device:view", frozenset())


def _job_topics(ids: dict[str, int]) -> frozenset[Topic]:
    topics = {Topic("jobs"), Topic("job", ids["job"])}
    if ids.get("device"):
        topics.add(Topic("device", ids["device"]))
    return frozenset(topics)


def marks_html(marks: Iterable[Mark], *, refresh: bool = False) -> str:
    """The marks as the element `static/js/live.js` reads. `refresh`: all of the page may be old."""
    changed: dict[str, list[int]] = defaultdict(list)
    added: dict[str, list[int]] = defaultdict(list)
    for mark in marks:
        changed[mark.name].append(mark.id)
        if mark.is_added:
            added[mark.name].append(mark.id)
    told = {name: sorted(set(ids)) for name, ids in changed.items()}
    said = {**told, **({"added": added} if added else {}), **({"refresh": True} if refresh else {})}
    return format_html(
        '<template id="live-marks" data-marks="{}"></template>', msgspec.json.encode(said).decode()
    )
