"""Sets of Tenants, by id: everything, everything but a few, or those that are named."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final


class Everything:
    """Every Tenant there is, also those made later. Held only by a grant at the root without exclusions."""

    def __contains__(self, tenant_id: object) -> bool:
        return True

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return "EVERYTHING"


@dataclass(frozen=True, slots=True)
class AllBut:
    """Every Tenant there was but for some: a grant at the root with exclusions, however many it reaches.

    It speaks of Tenants that exist. What may name one that was deleted for good asks whether it is there.
    """

    excluded: frozenset[int]
    """Ids of the Tenants left out, with everything below them."""
    newest: int
    """The largest id there was. What was made later may stand below an excluded Tenant, so it is not in."""

    def __contains__(self, tenant_id: object) -> bool:
        return isinstance(tenant_id, int) and tenant_id <= self.newest and tenant_id not in self.excluded

    def __bool__(self) -> bool:
        return True


EVERYTHING: Final = Everything()
TenantSet = Everything | AllBut | frozenset[int]
NOWHERE: Final[frozenset[int]] = frozenset()


def both(one: TenantSet, other: TenantSet) -> TenantSet:
    """The Tenants that are in both."""
    if isinstance(one, Everything) or isinstance(other, Everything):
        return other if isinstance(one, Everything) else one
    if isinstance(one, AllBut) and isinstance(other, AllBut):
        return AllBut(one.excluded | other.excluded, min(one.newest, other.newest))
    if isinstance(one, AllBut):
        one, other = other, one
    assert isinstance(one, frozenset)  # noqa: S101  (for the type checker)
    return frozenset(tenant_id for tenant_id in one if tenant_id in other)


def either(one: TenantSet, other: TenantSet) -> TenantSet:
    """The Tenants that are in one or the other; of what is younger than an `AllBut`, none that is named."""
    if isinstance(one, Everything) or isinstance(other, Everything):
        return EVERYTHING
    if isinstance(one, frozenset) and isinstance(other, frozenset):
        return one | other
    all_but = [tenants for tenants in (one, other) if isinstance(tenants, AllBut)]
    named = [tenants.excluded for tenants in all_but]
    return AllBut(
        frozenset(pk for pk in frozenset().union(*named) if pk not in one and pk not in other),
        max(tenants.newest for tenants in all_but),
    )


def union(sets: Iterable[TenantSet]) -> TenantSet:
    """The Tenants that are in any of `sets`."""
    whole: TenantSet = NOWHERE
    for tenants in sets:
        whole = either(whole, tenants)
    return whole


def covers(tenants: TenantSet, ids: Collection[int]) -> bool:
    """Whether all of `ids`, of Tenants that exist, are in."""
    return all(tenant_id in tenants for tenant_id in ids)
