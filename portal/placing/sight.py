"""Which people see which Tenants, worked out for many Tenants at once; two queries and one for names."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from portal.accounts.models import Membership, User
from portal.core.access import Access
from portal.tenants.models import Tenant

SEE: Final = "device:view"
"""What somebody must hold to see what is placed with a Tenant."""

NAMED: Final = 8

Pair = tuple[int, int]
"""Tenant before and after."""


@dataclass(slots=True)
class People:
    """How many people, and the names of some."""

    count: int = 0
    names: list[str] = field(default_factory=list)

    @property
    def more(self) -> int:
        return self.count - len(self.names)


class Sight:
    """Who sees each of some Tenants, as far as `access` may know of people; None knows of all."""

    def __init__(self, tenant_ids: Iterable[int], access: Access | None) -> None:
        self._paths = dict(Tenant.objects.filter(pk__in=set(tenant_ids)).values_list("pk", "path"))
        above = {int(part) for path in self._paths.values() for part in path.strip("/").split("/")}
        memberships = Membership.objects.filter(tenant__in=above, user__is_active=True)
        if access is not None:
            memberships = memberships.visible_to(access, "person:view")
        self._held = [
            (one.user_id, one.tenant.path, [left_out.tenant.path for left_out in one.exclusions.all()])
            for one in memberships.select_related("tenant", "custom_role").prefetch_related(
                "exclusions__tenant"
            )
            if SEE in one.granted
        ]
        self._known: dict[int, frozenset[int]] = {}

    def of(self, tenant_id: int) -> frozenset[int]:
        """Ids of the people who see what is placed with this Tenant."""
        if tenant_id not in self._known:
            path = self._paths.get(tenant_id, "")
            self._known[tenant_id] = frozenset(
                user_id
                for user_id, top, left_out in self._held
                if path.startswith(top) and not any(path.startswith(gone) for gone in left_out)
            )
        return self._known[tenant_id]

    def gaining(self, pairs: Iterable[Pair]) -> frozenset[int]:
        return frozenset().union(*(self.of(after) - self.of(before) for before, after in pairs))

    def losing(self, pairs: Iterable[Pair]) -> frozenset[int]:
        return frozenset().union(*(self.of(before) - self.of(after) for before, after in pairs))


def named(user_ids: Iterable[int]) -> People:
    ids = list(user_ids)
    users = User.objects.filter(pk__in=ids).order_by("name", "email")[:NAMED]
    return People(len(ids), [str(user) for user in users])
