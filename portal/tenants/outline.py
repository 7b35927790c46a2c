"""The part of the tree a person sees, read in one query and kept in the order people read it."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from portal.core.access import Access
from portal.core.querysets import in_tenants
from portal.core.tenant_sets import TenantSet
from portal.tenants.models import Tenant

BETWEEN: Final = " / "
"""Between the names of a path."""


@dataclass(frozen=True, slots=True)
class Node:
    """A Tenant among those a person sees."""

    id: int
    parent_id: int | None
    name: str
    kind: str
    is_suspended: bool
    path: str
    """Names from the topmost visible Tenant down to it."""
    depth: int
    """How many visible Tenants stand above it."""

    @property
    def kind_label(self) -> str:
        return str(Tenant.Kind(self.kind).label)


class Outline:
    """Visible Tenants by id, in the order of the tree, alphabetical among brothers and sisters.

    A Tenant whose parent is not visible stands at the top.
    """

    def __init__(self, tenants: TenantSet) -> None:
        rows = Tenant.objects.filter(in_tenants("pk", tenants), is_trashed=False)
        found = {row[0]: row for row in rows.values_list("pk", "parent_id", "name", "kind", "is_suspended")}
        self._below: dict[int | None, list[int]] = defaultdict(list)
        for pk, parent_id, *_ in sorted(found.values(), key=lambda row: (row[2].casefold(), row[0])):
            self._below[parent_id if parent_id in found else None].append(pk)
        self._nodes: dict[int, Node] = {}
        waiting = self._below[None][::-1]
        while waiting:
            pk, parent_id, name, kind, is_suspended = found[waiting.pop()]
            above = self._nodes.get(parent_id) if parent_id else None
            path = f"{above.path}{BETWEEN}{name}" if above else name
            depth = above.depth + 1 if above else 0
            self._nodes[pk] = Node(pk, parent_id, name, kind, is_suspended, path, depth)
            waiting += self._below.get(pk, [])[::-1]

    def __iter__(self) -> Iterator[Node]:
        return iter(self._nodes.values())

    def __len__(self) -> int:
        return len(self._nodes)

    def get(self, tenant_id: int | None) -> Node | None:
        return self._nodes.get(tenant_id) if tenant_id is not None else None

    def below(self, tenant_id: int | None) -> list[Node]:
        """Those directly below a Tenant; the topmost for None."""
        return [self._nodes[pk] for pk in self._below.get(tenant_id, [])]

    def count_below(self, tenant_id: int) -> int:
        """How many stand directly below it."""
        return len(self._below.get(tenant_id, []))

    def under(self, tenant_id: int) -> Iterator[Node]:
        """It and everything below it."""
        waiting = [tenant_id]
        while waiting:
            pk = waiting.pop()
            yield self._nodes[pk]
            waiting += self._below.get(pk, [])

    def matching(self, text: str) -> Iterator[Node]:
        """Those with `text` anywhere in their names, whatever the case."""
        wanted = " ".join(text.casefold().split())
        return (node for node in self if wanted in node.name.casefold())


def outline_for(access: Access, permission: str) -> Outline:
    """The Tenants where `permission` is held."""
    return Outline(access.tenants_with(permission))
