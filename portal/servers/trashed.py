"""Placements of trashed Tenants: back with the servers' owners, until the Tenants are restored."""

from collections.abc import Iterable
from typing import Any

from django.dispatch import receiver

from portal.servers.bookkeeping import publish_server
from portal.servers.models import Placement
from portal.tenants.models import Tenant
from portal.tenants.signals import tenant_purging, tenant_restored, tenant_trashed


@receiver(tenant_trashed)
@receiver(tenant_purging)
def take_back(tenant: Tenant, **_: Any) -> None:
    """What was placed there waits with its server's owner, unmapped, and remembers where it was."""
    placements = list(
        Placement.objects.select_for_update(of=["self"])
        .filter(tenant__path__startswith=tenant.path)
        .select_related("server")
        .order_by("pk")
    )
    for placement in placements:
        placement.taken_from_id = placement.tenant_id
        placement.tenant_id = placement.server.tenant_id
        placement.is_unmapped = True
    _write(placements)


@receiver(tenant_restored)
def give_back(tenant: Tenant, **_: Any) -> None:
    """What nobody placed elsewhere meanwhile is placed there again."""
    placements = list(
        Placement.objects.select_for_update(of=["self"])
        .filter(taken_from__path__startswith=tenant.path, taken_from__is_trashed=False, is_unmapped=True)
        .select_related("server")
        .order_by("pk")
    )
    for placement in placements:
        assert placement.taken_from_id is not None  # noqa: S101  (for the type checker)
        placement.tenant_id, placement.taken_from_id = placement.taken_from_id, None
        placement.is_unmapped = False
    _write(placements)


def _write(placements: Iterable[Placement]) -> None:
    changed = list(placements)
    Placement.objects.bulk_update(changed, ["tenant", "taken_from", "is_unmapped"], batch_size=200)
    for server in {placement.server for placement in changed}:
        publish_server(server)
