"""What is done with Devices. Nothing here calls a Comet Server: it starts an Operation."""

import os.path
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from django.core.exceptions import ValidationError

from portal.accounts.access import access_for
from portal.accounts.models import User
from portal.fleet.models import Device, ProtectedItem, StorageVault
from portal.operations import services as operations
from portal.operations.models import Operation
from portal.operations.services import Target
from portal.tenants.models import Tenant


def start_backups(
    *,
    user: User,
    devices: Sequence[Device] = (),
    items: Iterable[ProtectedItem] | None = None,
    item: ProtectedItem | None = None,
    vault: StorageVault | None = None,
    ip: str | None = None,
) -> Operation:
    """Back up now: the given `items` (or one `item`), else all Protected Items of the Devices.

    Without `vault` each item goes where its last backup went, else into its user's first vault. One
    Operation with an item for each Protected Item; where nobody's Tenant of `user` spans them all,
    one for each Tenant, of which the first is returned.

    The caller has found all of them for `user` with `backup:run`; it is checked again when they run.

    Raises:
        ValidationError: there is nothing to back up.
    """
    chosen = [item] if item is not None else items
    if chosen is None:
        chosen = ProtectedItem.objects.filter(device__in=[device.pk for device in devices])
    targets = _targets(chosen, vault)
    if not targets:
        raise ValidationError("There is no protected item to back up here.")
    started = [
        operations.start(
            "backup.run",
            title=_title(group),
            tenant_id=tenant_id,
            user=user,
            targets=group,
            ip=ip,
        )
        for tenant_id, group in by_operation(targets, user)
    ]
    return started[0]


def _targets(items: Any, vault: StorageVault | None) -> list[Target]:
    ids = [item.pk for item in items]
    rows = (
        ProtectedItem.objects.filter(pk__in=ids)
        .select_related("device", "placement", "server")
        .order_by("device__name", "name", "pk")
    )
    return [
        Target(
            type="device",
            id=row.device_id,
            label=f"{row.device.name}: {row.name}",
            tenant_id=row.tenant_id,
            server_name=row.server.name,
            params={"protected_item": row.pk, "vault": vault.pk if vault else None},
        )
        for row in rows
    ]


def _title(targets: list[Target]) -> str:
    devices = len({target.id for target in targets})
    if len(targets) == 1:
        return f"Back up {targets[0].label}"
    if devices == 1:
        return f"Back up {targets[0].label.partition(':')[0]}, {len(targets)} items"
    return f"Back up {devices} devices"


def by_operation(targets: list[Target], user: User) -> list[tuple[int, list[Target]]]:
    """Targets by the Tenant whose people will see the Operation."""
    tenants = {target.tenant_id for target in targets}
    paths = list(Tenant.objects.filter(pk__in=tenants).values_list("path", flat=True))
    common = os.path.commonpath(paths).rpartition("/")[2]
    if common and access_for(user).allows("operation:view", tenant_id=int(common)):
        return [(int(common), targets)]
    groups: dict[int, list[Target]] = defaultdict(list)
    for target in targets:
        groups[target.tenant_id].append(target)
    return sorted(groups.items())
