"""What a page may listen to: `jobs`, `device:12`. Parsed and checked where a browser joins."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from django.db.models import Model

from portal.accounts.access import reach_of
from portal.core.access import Access
from portal.core.querysets import TenantQuerySet
from portal.core.tenant_sets import TenantSet
from portal.fleet.models import Device
from portal.jobs.models import Job
from portal.operations.models import Operation
from portal.servers.models import CometServer
from portal.tenants.models import Tenant

MAX_TOPICS: Final = 12

SEEN_WITH: Final[Mapping[str, str]] = {
    "overview": "job:view",
    "jobs": "job:view",
    "devices": "device:view",
    "servers": "server:view",
    "alerts": "alert:view",
    "activity": "activity:view",
    "operations": "operation:view",
    "job": "job:view",
    "device": "device:view",
    "server": "server:view",
    "operation": "operation:view",
    "tenant": "tenant:view",
}
"""The permission each kind of topic needs."""

_OBJECTS: Final[Mapping[str, type[Model]]] = {
    "job": Job,
    "device": Device,
    "server": CometServer,
    "operation": Operation,
    "tenant": Tenant,
}


class Topic(NamedTuple):
    """A list (`id` 0), or one object of it."""

    kind: str
    id: int = 0


class TopicRefused(Exception):
    """There is no such topic, or the reader may not see it; the two look the same."""


def parse_topics(text: str) -> frozenset[Topic]:
    """Topics of a comma-separated list.

    Raises:
        TopicRefused: one is not a topic, or there are too many.
    """
    parts = [part for part in text.split(",") if part]
    if len(parts) > MAX_TOPICS:
        raise TopicRefused("too many topics")
    return frozenset(_parse(part) for part in parts)


def _parse(text: str) -> Topic:
    kind, colon, number = text.partition(":")
    is_object = kind in _OBJECTS
    if kind not in SEEN_WITH or is_object != bool(colon):
        raise TopicRefused("no such topic")
    if not is_object:
        return Topic(kind)
    if not (number.isascii() and number.isdecimal() and len(number) < 19):
        raise TopicRefused("no such object")
    return Topic(kind, int(number))


@dataclass(frozen=True, slots=True)
class Sight:
    """Whose rows a reader sees, permission by permission. Readers of equal sight get equal text."""

    tenants: tuple[tuple[str, TenantSet], ...]
    branches: tuple[TenantSet, ...] = ()
    """What is in the Tenants whose pages are open, and below them."""

    def sees(self, permission: str, tenant_id: int | None) -> bool:
        """Whether the reader sees rows of this Tenant; what belongs to no Tenant is for nobody."""
        return tenant_id is not None and tenant_id in self.tenants_with(permission)

    def tenants_with(self, permission: str) -> TenantSet:
        return next(tenants for name, tenants in self.tenants if name == permission)


Audience = tuple[frozenset[Topic], Sight]
"""Sockets that may see the same of the same topics: they get the same frames."""


def sight_of(access: Access, topics: frozenset[Topic]) -> Sight:
    """Asks the database once per Tenant among `topics`, which were admitted."""
    permissions = sorted(set(SEEN_WITH.values()))
    tenant_ids = [topic.id for topic in topics if topic.kind == "tenant"]
    open_tenants = list(Tenant.objects.filter(pk__in=tenant_ids).order_by("pk")) if tenant_ids else []
    return Sight(
        tuple((permission, access.tenants_with(permission)) for permission in permissions),
        tuple(reach_of(tenant) for tenant in open_tenants),
    )


def admitted(access: Access, topics: frozenset[Topic]) -> frozenset[Topic]:
    """The topics the reader may listen to. Asks the database once per object.

    A page names the lists it can show to anyone; lists the reader may not see are left out. A page
    without topics still gets the marks that the shell follows.

    Raises:
        TopicRefused: an object is not there or not the reader's, or nothing is left.
    """
    kept = frozenset(topic for topic in topics if access.tenants_with(SEEN_WITH[topic.kind]))
    for topic in topics:
        if topic.id and (topic not in kept or not _is_visible(access, topic)):
            raise TopicRefused("not there, or somebody else's")
    if topics and not kept:
        raise TopicRefused("nothing here may be seen")
    return kept


def _is_visible(access: Access, topic: Topic) -> bool:
    rows: TenantQuerySet[Model] = _OBJECTS[topic.kind].objects  # type: ignore[attr-defined]
    return rows.visible_to(access, SEEN_WITH[topic.kind]).filter(pk=topic.id).exists()
