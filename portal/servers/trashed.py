"""Placements of trashed Tenants: back with the servers' owners, until the Tenants are restored."""

from typing import Any

from django.db.models import Q
from django.dispatch import receiver

from portal.servers.models import Placement
from portal.servers.placements import lock_servers, move_placements, unplace_all
from portal.tenants.models import Tenant
from portal.tenants.signals import tenant_purging, tenant_restored, tenant_trashed, trash_changing


@receiver(trash_changing)
def lock_servers_first(tenant: Tenant, **_: Any) -> None:
    """Servers before Tenants, as who places something locks them: nobody waits in a circle."""
    concerned = Q(tenant__path__startswith=tenant.path) | Q(taken_from__path__startswith=tenant.path)
    lock_servers(Placement.objects.filter(concerned).values_list("server_id", flat=True))


@receiver(tenant_trashed)
@receiver(tenant_purging)
def take_back(tenant: Tenant, **_: Any) -> None:
    """What was placed there waits with its server's owner, unmapped, and remembers where it was."""
    unplace_all(tenant.subtree())


@receiver(tenant_restored)
def give_back(tenant: Tenant, **_: Any) -> None:
    """What nobody placed elsewhere meanwhile is placed there again."""
    held = Placement.objects.filter(
        taken_from__path__startswith=tenant.path, taken_from__is_trashed=False, is_unmapped=True
    )
    lock_servers(held.values_list("server_id", flat=True))
    move_placements(
        (placement, placement.taken_from_id, False)
        for placement in held.select_related("server").order_by("pk")
        if placement.taken_from_id is not None
    )
