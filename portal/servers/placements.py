"""Which Tenant what a Comet Server holds belongs to."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import transaction
from django.db.models import F

from portal.audit import services as audit
from portal.core.events import Fact, publish_all
from portal.core.prepared import Prepared, PreparedModels
from portal.servers.models import SERVER_ITSELF, TOP_LEVEL, CometServer, Placement
from portal.tenants.models import Tenant
from portal.tenants.selectors import common_tenant_id

_lock = Prepared(
    lambda server: (
        CometServer.objects.select_for_update(no_key=True)
        .filter(pk=server)
        .order_by()
        .values_list("jobs_revision")
    )
)
_of_server = PreparedModels(Placement, lambda server: Placement.objects.filter(server=server))


def lock_server(server: CometServer) -> int:
    """Keep other writers of this server's rows away until the caller's transaction ends.

    Gives the revision of its Jobs.

    What is worked out from stored rows (roll-ups, vanished rows) must not be worked out twice at once.
    """
    return int(next(iter(_lock(server.pk)), (0,))[0])


def note_jobs_moved(server_id: int) -> None:
    """Raise the revision of a server's Jobs: they were written, or what they point at is new, placed
    elsewhere or gone.

    Whoever works out Jobs ahead of his transaction looks at it under `lock_server`, and reads again.
    The database itself does not see to it that a Job's profile and Device are there.
    """
    CometServer.objects.filter(pk=server_id).update(jobs_revision=F("jobs_revision") + 1)


def lock_servers(server_ids: Iterable[int]) -> None:
    """As `lock_server`, for several: always in the same order, so that nobody waits in a circle."""
    servers = CometServer.objects.select_for_update(no_key=True).filter(pk__in=set(server_ids))
    list(servers.order_by("pk").values_list("pk"))


class Placements:
    """The placements of one server, by what Comet says of a User Profile.

    An organization met for the first time is placed at the server's owner and marked as unmapped.
    """

    def __init__(self, server: CometServer) -> None:
        self._server = server
        held = _of_server.rows(server.pk)
        self._tenant_ids = {placement.pk: placement.tenant_id for placement in held}
        self._by_key = {
            (placement.organization_id, placement.username): placement
            for placement in held
            if not placement.is_released
        }

    def of_profile(self, organization_id: str, username: str) -> Placement:
        """Where a User Profile belongs: by hand if somebody placed it, else with its organization."""
        by_hand = self._by_key.get((organization_id, username))
        return by_hand or self.of_organization(organization_id)

    def of_organization(self, organization_id: str) -> Placement:
        placement = self._by_key.get((organization_id, ""))
        if placement is None:
            placement, _ = Placement.objects.get_or_create(
                server=self._server,
                organization_id=organization_id,
                username="",
                defaults={
                    "tenant_id": self._server.tenant_id,
                    "is_unmapped": organization_id != SERVER_ITSELF,
                },
            )
            self._by_key[organization_id, ""] = placement
            self._tenant_ids[placement.pk] = placement.tenant_id
        return placement

    def of_server(self) -> Placement:
        """For what concerns the server as a whole; always its owner's."""
        return self.of_organization(SERVER_ITSELF)

    def tenant_ids(self) -> dict[int, int]:
        """Placement -> the Tenant that owns it."""
        return dict(self._tenant_ids)


def ensure_placements(server: CometServer, organization_ids: Iterable[str]) -> Placements:
    """The server's placements, with one for itself, its top level and each organization."""
    with transaction.atomic():
        placements = Placements(server)
        for organization_id in (SERVER_ITSELF, TOP_LEVEL, *organization_ids):
            placements.of_organization(organization_id)
    return placements


@dataclass(frozen=True, slots=True)
class Moved:
    """A placement as it stands now, and whose it was before."""

    placement: Placement
    tenant_id_before: int
    was_unmapped: bool = False


after_move: Final[list[Callable[[Sequence[Moved]], None]]] = []
"""What later rooms end, or tell, when placements change hands; called in the same transaction."""


def move_placements(choices: Iterable[tuple[Placement, int, bool]]) -> list[Moved]:
    """Give placements to Tenants: (placement, Tenant id, whether it counts as unmapped).

    Everything mirrored points at its placement and so follows by this one row; rows on their way
    back to an organization go where it goes. Gives what changed. The caller has a transaction open,
    the servers' rows locked, and has checked that it may be done.
    """
    moved: list[Moved] = []
    for placement, tenant_id, is_unmapped in choices:
        if (placement.tenant_id, placement.is_unmapped) == (tenant_id, is_unmapped):
            continue
        moved.append(Moved(placement, placement.tenant_id, placement.is_unmapped))
        placement.tenant_id, placement.is_unmapped, placement.taken_from_id = tenant_id, is_unmapped, None
    changed = [one.placement for one in moved]
    Placement.objects.bulk_update(changed, ["tenant", "is_unmapped", "taken_from"], batch_size=200)
    organizations = {
        (one.placement.server_id, one.placement.organization_id): one.placement.tenant_id
        for one in moved
        if not one.placement.username
    }
    for placement in Placement.objects.filter(is_released=True) if organizations else ():
        new_home = organizations.get((placement.server_id, placement.organization_id))
        if new_home is not None:
            Placement.objects.filter(pk=placement.pk).update(tenant=new_home)
    tell_moved(moved)
    return moved


def tell_moved(moved: Sequence[Moved]) -> None:
    """Tell pages and later rooms of placements that changed hands."""
    if not moved:
        return
    servers = {one.placement.server_id: one.placement.server.tenant_id for one in moved}
    publish_all(
        Fact("server.changed", tenant_id, {"server": server_id}) for server_id, tenant_id in servers.items()
    )
    tenants = {one.tenant_id_before for one in moved} | {one.placement.tenant_id for one in moved}
    publish_all(Fact("placement.changed", tenant_id, {}) for tenant_id in sorted(tenants))
    for follow in after_move:
        follow(moved)


def unplace_all(tenants: Iterable[Tenant], *, user: Any = None, ip: str | None = None) -> int:
    """Return what is placed with `tenants` to the owner of its server, as unmapped; gives how many.

    It remembers where it was (`taken_from`) until somebody places it. What is on a server of one of
    `tenants` stays: there is nobody to return it to.
    """
    ids = [tenant.pk for tenant in tenants]
    with transaction.atomic():
        held = (
            Placement.objects.filter(tenant__in=ids)
            .exclude(organization_id=SERVER_ITSELF)
            .exclude(server__tenant__in=ids)
        )
        lock_servers(held.values_list("server_id", flat=True))
        placements = list(held.select_related("server__tenant", "tenant").order_by("pk"))
        before = {placement.pk: placement.tenant for placement in placements}
        moved = move_placements((placement, placement.server.tenant_id, True) for placement in placements)
        for one in moved:
            one.placement.taken_from_id = one.tenant_id_before
        Placement.objects.bulk_update([one.placement for one in moved], ["taken_from"], batch_size=200)
        for server in {one.placement.server for one in moved}:
            here = [one for one in moved if one.placement.server_id == server.pk]
            said = [(_said(one.placement), before[one.placement.pk]) for one in here]
            audit.note(
                "server.unplace",
                audit.DONE,
                actor=user,
                tenant_id=server.tenant_id,
                target=server,
                ip=ip,
                details={"unplaced": [name for name, _ in said]},
                owner_tenant_id=common_tenant_id([server.tenant, *(tenant for _, tenant in said)]),
                owner_details={"unplaced": [f"{name}: {tenant} → {server.tenant}" for name, tenant in said]},
            )
    return len(moved)


def _said(placement: Placement) -> str:
    return placement.username or placement.organization_id or "top level"
