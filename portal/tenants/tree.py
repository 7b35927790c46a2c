"""What every change of the tree does: one at a time, and what follows from above is worked out anew."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Final

from django.db.models import Q

from portal.core.events import Fact, publish_all
from portal.tenants.models import Tenant
from portal.tenants.signals import tenants_closed

_BATCH: Final = 500
_DERIVED: Final = ("path", "is_suspended", "is_trashed")


@dataclass(slots=True)
class Settled:
    """What a change of the tree meant for the Tenants below it, by id."""

    closed: list[int] = field(default_factory=list)
    """Suspended or in the trash now, and not before."""
    opened: list[int] = field(default_factory=list)
    """The other way round."""


def lock_tree() -> None:
    """Wait for other changes of the tree, until the caller's transaction ends.

    The root's row stands for the whole tree: whoever changes it takes this one lock first, so that no
    two changes can wait for each other, or make a circle between them.
    """
    list(Tenant.objects.select_for_update(no_key=True).filter(parent=None).values_list("pk"))


def settle(tenant: Tenant) -> Settled:
    """Write `path`, `is_suspended` and `is_trashed` of a Tenant and all below it as they follow from its
    parent, `suspended_at` and `trashed_at`; end what rested on Tenants that are closed now.

    Call it in the transaction that changed one of these, with the tree locked. `tenant.path` is the
    former one, and is brought up to date.
    """
    rows = tenant.subtree().select_for_update(no_key=True).order_by("pk")  # as others lock several Tenants
    below = sorted((row for row in rows if row.pk != tenant.pk), key=lambda row: len(row.path))
    known: dict[int | None, Tenant] = {tenant.parent_id: tenant.parent} if tenant.parent else {}
    changed, settled = [], Settled()
    for one in [tenant, *below]:
        above = known.get(one.parent_id)
        before = [getattr(one, name) for name in _DERIVED]
        was_closed = one.is_suspended or one.is_trashed
        one.path = f"{above.path if above else '/'}{one.pk}/"
        one.is_suspended = one.suspended_at is not None or (above is not None and above.is_suspended)
        one.is_trashed = one.trashed_at is not None or (above is not None and above.is_trashed)
        known[one.pk] = one
        if before != [getattr(one, name) for name in _DERIVED]:
            changed.append(one)
        if was_closed != (one.is_suspended or one.is_trashed):
            (settled.opened if was_closed else settled.closed).append(one.pk)
    Tenant.objects.bulk_update(changed, _DERIVED, batch_size=_BATCH)
    if settled.closed:
        tenants_closed.send(Tenant, tenant_ids=settled.closed)
    tell_people(settled.opened)
    return settled


def tell_people(tenant_ids: Collection[int], *, also_left_out: bool = False) -> None:
    """Have the open pages and sockets of everybody with a role in these Tenants checked again; with
    `also_left_out` also those of whose roles further up leave one of these out.
    """
    concerned = Q(pk__in=tenant_ids, memberships__isnull=False)
    if also_left_out:
        concerned |= Q(memberships__exclusions__tenant__in=tenant_ids)
    people: Iterable[tuple[int, int | None]] = (
        Tenant.objects.filter(concerned).values_list("pk", "memberships__user").distinct()
    )
    publish_all(
        Fact("access.changed", tenant_id, {"user": user_id})
        for tenant_id, user_id in people
        if user_id is not None
    )
