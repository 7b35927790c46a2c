"""What moving a Tenant would change, before it is done: who loses and who gains sight of how much."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from portal.core.access import Access
from portal.tenants.models import Tenant
from portal.tenants.selectors import Losses, count_losses


@dataclass(frozen=True)
class Sight:
    """People whose roles in one Tenant make the difference. `name` is empty where the caller does not
    see that Tenant, and `people` None where he does not see its people."""

    name: str
    people: int | None


@dataclass(frozen=True)
class MovePreview:
    """`moved` counts what changes hands; people who see it before and after are in neither list."""

    moved: Losses
    lose: list[Sight]
    gain: list[Sight]
    will_be_suspended: bool
    will_be_open: bool


def preview_move(tenant: Tenant, parent: Tenant, access: Access) -> MovePreview:
    """Six queries more than `count_losses`, whatever moves."""
    before = set(tenant.ids_above)
    after = {*parent.ids_above, parent.pk}
    people = _people_of(tenant, before | after)
    stay = set().union(*(people[pk] for pk in (before & after) | {tenant.pk}))
    sees_before = stay.union(*(people[pk] for pk in before))
    sees_after = stay.union(*(people[pk] for pk in after))
    names = dict(
        Tenant.objects.visible_to(access, "tenant:view")
        .filter(pk__in=before ^ after)
        .values_list("pk", "name")
    )

    def sights(tenant_ids: Iterable[int], but: set[int]) -> list[Sight]:
        found = {pk: len(people[pk] - but) for pk in sorted(tenant_ids)}
        told = [
            Sight(names.get(pk, ""), count if access.allows("person:view", tenant_id=pk) else None)
            for pk, count in found.items()
            if count
        ]
        return list(dict.fromkeys(told))  # of those unseen not even how many there are

    becomes_suspended = tenant.suspended_at is not None or parent.is_suspended
    return MovePreview(
        moved=count_losses(tenant, access),
        lose=sights(before - after, sees_after),
        gain=sights(after - before, sees_before),
        will_be_suspended=becomes_suspended and not tenant.is_suspended,
        will_be_open=tenant.is_suspended and not becomes_suspended,
    )


def _people_of(tenant: Tenant, tenant_ids: set[int]) -> dict[int, set[int]]:
    """Who sees `tenant` by a role in each of these, or (by its own id) by one in it.

    Roles from which it, or one above it, is excluded do not count.
    """
    above = [*tenant.ids_above, tenant.pk]
    tenants = Tenant.objects.filter(pk__in={*tenant_ids, tenant.pk})
    excluded = tenants.filter(memberships__exclusions__tenant__in=above).values_list("memberships", flat=True)
    blind = set(excluded)
    held = tenants.filter(memberships__user__is_active=True)
    found: dict[int, set[int]] = defaultdict(set)
    for tenant_id, membership_id, user_id in held.values_list("pk", "memberships", "memberships__user"):
        if membership_id not in blind:
            found[tenant_id].add(user_id)
    return found
