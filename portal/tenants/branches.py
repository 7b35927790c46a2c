"""The tree page: branches that open, what a search finds, the whole as a file. A few queries in all."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from django.db.models import Count, F

from portal.core.access import Access
from portal.core.querysets import in_tenants
from portal.tenants.models import Tenant
from portal.tenants.outline import Node, Outline, outline_for

AT_ONCE: Final = 100
"""Tenants of one branch that are shown together; more come when asked for."""


@dataclass(frozen=True, slots=True)
class Row:
    """A Tenant with what it comes to, everything below it included."""

    node: Node
    below: int
    """Tenants directly below it."""
    tenants: int
    """Tenants below it, at any depth."""
    user_profiles: int
    devices: int
    people: int | None
    """Of Tenants where the caller sees people; None where he sees nobody."""
    indent: int = 0
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class Branch:
    """Some rows of the tree, and the rest of the same branch: below which, from which on, how many.

    Rows at the depth `base` are not indented.
    """

    rows: list[Row]
    base: int = 0
    parent_id: int | None = None
    rest_from: int = 0
    rest: int = 0

    @property
    def next_count(self) -> int:
        return min(self.rest, AT_ONCE)


class Counts:
    """What is placed with each visible Tenant and below it; three queries."""

    def __init__(self, access: Access, outline: Outline, shown: Collection[Node], base: int = 0) -> None:
        self._outline = outline
        self._with_people = access.tenants_with("person:view")
        self._base = base
        ids = {below.id for node in shown for below in outline.under(node.id)}
        tenants = Tenant.objects.filter(is_trashed=False)
        if len(ids) < len(outline):
            tenants = tenants.filter(pk__in=ids)
        self._profiles = _by_tenant(tenants, "placements__user_profiles")
        self._devices = _by_tenant(tenants, "placements__devices")
        self._people: dict[int, set[int]] = defaultdict(set)
        seen = tenants.filter(in_tenants("pk", self._with_people))
        active = seen.filter(memberships__user__is_active=True)
        for tenant_id, user_id in active.values_list("pk", "memberships__user"):
            self._people[tenant_id].add(user_id)

    def row(self, node: Node, *, is_open: bool = False) -> Row:
        ids = [below.id for below in self._outline.under(node.id)]
        sees_people = any(pk in self._with_people for pk in ids)
        people = set().union(*(self._people[pk] for pk in ids if pk in self._people))
        return Row(
            node=node,
            below=self._outline.count_below(node.id),
            tenants=len(ids) - 1,
            user_profiles=sum(self._profiles.get(pk, 0) for pk in ids),
            devices=sum(self._devices.get(pk, 0) for pk in ids),
            people=len(people) if sees_people else None,
            indent=max(0, node.depth - self._base),
            is_open=is_open,
        )


def first_branch(access: Access) -> Branch:
    """The topmost Tenants; where that is a single one, it is open."""
    outline = outline_for(access, "tenant:view")
    tops = outline.below(None)
    if len(tops) != 1:
        return _branch(access, outline, None, 0)
    (top,) = tops
    counts = Counts(access, outline, tops)
    children = outline.below(top.id)
    shown = [
        counts.row(top, is_open=bool(children)),
        *(counts.row(child) for child in children[:AT_ONCE]),
    ]
    return Branch(shown, 0, top.id, AT_ONCE, max(0, len(children) - AT_ONCE))


def tenant_with_branch(access: Access, tenant_id: int) -> tuple[Row, Branch]:
    """A visible Tenant, and the first of what stands directly below it."""
    outline = outline_for(access, "tenant:view")
    node = outline.get(tenant_id)
    assert node is not None  # noqa: S101  (for the type checker)
    base = node.depth + 1
    counts = Counts(access, outline, [node], base)
    children = outline.below(tenant_id)
    rows = [counts.row(child) for child in children[:AT_ONCE]]
    return counts.row(node), Branch(rows, base, tenant_id, AT_ONCE, max(0, len(children) - AT_ONCE))


def branch_below(access: Access, tenant_id: int | None, *, start: int = 0, base: int = 0) -> Branch:
    """What stands directly below a Tenant (None: the topmost), from the `start`th on."""
    return _branch(access, outline_for(access, "tenant:view"), tenant_id, start, base)


def search(access: Access, text: str) -> Branch:
    """Tenants with `text` in their names, wherever they stand, in the order of the tree."""
    outline = outline_for(access, "tenant:view")
    found = list(outline.matching(text))
    counts = Counts(access, outline, found[:AT_ONCE])
    return Branch([counts.row(node) for node in found[:AT_ONCE]], rest=max(0, len(found) - AT_ONCE))


def all_rows(access: Access, *, text: str = "") -> Iterator[list[Row]]:
    """The whole tree, or what a search finds in it, in portions."""
    outline = outline_for(access, "tenant:view")
    counts = Counts(access, outline, outline.below(None))
    nodes = iter(outline.matching(text) if text else outline)
    while portion := [counts.row(node) for node in islice(nodes, AT_ONCE)]:
        yield portion


CSV_HEADER: Final = (
    "Path",
    "Tenant",
    "Kind",
    "State",
    "Tenants below",
    "Users",
    "Devices",
    "People",
)


def csv_cells(row: Row) -> list[Any]:
    return [
        row.node.path,
        row.node.name,
        row.node.kind_label,
        "suspended" if row.node.is_suspended else "active",
        row.tenants,
        row.user_profiles,
        row.devices,
        row.people,
    ]


def _branch(access: Access, outline: Outline, tenant_id: int | None, start: int, base: int = 0) -> Branch:
    nodes = outline.below(tenant_id)
    shown = nodes[start : start + AT_ONCE]
    counts = Counts(access, outline, shown, base)
    rest = max(0, len(nodes) - start - len(shown))
    return Branch([counts.row(node) for node in shown], base, tenant_id, start + len(shown), rest)


def _by_tenant(tenants: Any, relation: str) -> dict[int, int]:
    counted: Iterable[tuple[int, int]] = (
        tenants.order_by().annotate(found=Count(relation)).filter(found__gt=0).values_list(F("pk"), "found")
    )
    return dict(counted)
