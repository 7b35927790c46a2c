"""Tenants in the trash: for 30 days they can come back as they were, then they are gone.

A trashed Tenant, and everything below it, is seen nowhere but on the trash page, and its people are
shut out as those of a suspended one. What Comet Servers hold is never touched: placements go back to
the servers' owners while it lies there.
"""

from datetime import timedelta
from itertools import groupby
from typing import Final

import structlog
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import ProtectedError, RestrictedError
from django.utils import timezone

from portal.audit import services as audit
from portal.core.access import Access
from portal.core.events import publish
from portal.operations.models import Operation
from portal.tenants.models import Tenant
from portal.tenants.services import require_above, require_place
from portal.tenants.signals import tenant_purging, tenant_restored, tenant_trashed, trash_changing
from portal.tenants.trash_sight import reaches_trashed
from portal.tenants.tree import lock_tree, settle, tell_people

KEPT_FOR: Final = timedelta(days=30)
_CHUNK: Final = 50
"""Operations of one transaction; each takes its items along."""

log = structlog.get_logger(__name__)


def trash_tenant(tenant: Tenant, *, access: Access, actor: object, ip: str | None = None) -> None:
    """Put a Tenant into the trash, with everything below it.

    Raises:
        PermissionDenied: `access` does not manage the Tenant and its parent.
        ValidationError: Comet Servers belong to it or to one below it, or it is the provider.
    """
    with (
        audit.record("tenant.trash", actor=actor, tenant_id=tenant.pk, target=tenant, ip=ip),
        transaction.atomic(),
    ):
        trash_changing.send(Tenant, tenant=tenant)
        lock_tree()
        tenant.refresh_from_db()
        require_above(tenant, access=access)
        require_no_servers(tenant)
        tenant.trashed_at = timezone.now()
        tenant.save(update_fields=["trashed_at"])
        settle(tenant)
        tenant_trashed.send(Tenant, tenant=tenant)
        tell_people(tenant.ids_above)
        publish("tenant.changed", tenant_id=tenant.parent_id, tenant=tenant.pk)


def restore_tenant(tenant: Tenant, *, access: Access, actor: object, ip: str | None = None) -> None:
    """Take a Tenant out of the trash, to where it was. What nobody placed elsewhere is placed with it again.

    Raises:
        PermissionDenied: `access` does not manage its parent, or is kept out of some of it.
        ValidationError: what is above lies in the trash, too, or its name was taken meanwhile.
    """
    with (
        audit.record("tenant.restore", actor=actor, tenant_id=tenant.parent_id, target=tenant, ip=ip),
        transaction.atomic(),
    ):
        trash_changing.send(Tenant, tenant=tenant)
        lock_tree()
        tenant.refresh_from_db()
        parent = _require_trashed(tenant, access, "tenant:manage")
        require_place(parent, kind=tenant.kind, name=tenant.name, access=access)
        tenant.trashed_at = None
        tenant.save(update_fields=["trashed_at"])
        settle(tenant)
        tenant_restored.send(Tenant, tenant=tenant)
        tell_people(tenant.ids_above)
        publish("tenant.changed", tenant_id=tenant.pk, tenant=tenant.pk)


def purge_tenant(tenant: Tenant, *, access: Access | None, actor: object, ip: str | None = None) -> None:
    """Delete a trashed Tenant and everything below it for good; the audit keeps what was done.

    `access` is None only for the portal itself, once 30 days are over.

    Raises:
        PermissionDenied: `access` may not delete for good below its parent, or is kept out of some of it.
        ValidationError: it is not in the trash, something still belongs to it, or a role it made is held
            elsewhere.
    """
    with audit.record("tenant.purge", actor=actor, tenant_id=tenant.parent_id, target=tenant, ip=ip):
        if access is not None:
            _require_trashed(tenant, access, "tenant:purge")
        _forget_operations(tenant)
        try:
            with transaction.atomic():
                trash_changing.send(Tenant, tenant=tenant)
                lock_tree()
                tenant.refresh_from_db()
                if tenant.trashed_at is None:
                    raise ValidationError(f"{tenant} is not in the trash.")
                tenant_purging.send(Tenant, tenant=tenant)
                deepest_first = sorted(tenant.subtree(), key=lambda one: -one.depth)
                for _, level in groupby(deepest_first, key=lambda one: one.depth):
                    Tenant.objects.filter(pk__in=[one.pk for one in level]).delete()
        except RestrictedError as error:
            raise ValidationError(
                f"{tenant} cannot be deleted yet: a role that was made in it is held in a tenant that stands"
                " elsewhere by now. Take that role from whoever holds it first."
            ) from error
        except ProtectedError as error:
            raise ValidationError(
                f"{tenant} cannot be deleted yet: something was given to it meanwhile. Restore it, move that"
                " elsewhere, then delete it again."
            ) from error


def purge_what_is_due() -> None:
    """Delete what has lain in the trash for 30 days. Safe to repeat."""
    due = Tenant.objects.filter(trashed_at__lte=timezone.now() - KEPT_FOR).order_by("pk")
    for pk in due.values_list("pk", flat=True):
        tenant = Tenant.objects.filter(pk=pk).first()  # it may have gone with one above it
        if tenant is None:
            continue
        try:
            purge_tenant(tenant, access=None, actor=None)
        except ValidationError as error:
            log.warning("tenant.not_purged", tenant_id=pk, problem="; ".join(error.messages))


def require_no_servers(tenant: Tenant) -> None:
    """Raises ValidationError while Comet Servers belong to a Tenant or to one below it."""
    names = tenant.subtree().filter(servers__isnull=False).values_list("servers__name", flat=True)[:4]
    found = list(names)
    if found:
        said = f"{', '.join(found[:3])}{' and others' if len(found) > 3 else ''}"
        raise ValidationError(
            f"Comet Servers belong to {tenant} or below it: {said}. Unlink them first, on their pages."
        )


def _require_trashed(tenant: Tenant, access: Access, permission: str) -> Tenant:
    """The parent of a trashed Tenant, where `permission` is held, as in all that lies there with it."""
    parent = tenant.parent
    if tenant.trashed_at is None or parent is None:
        raise ValidationError(f"{tenant} is not in the trash.")
    access.require(permission, tenant_id=parent.pk)
    if not reaches_trashed(access, permission, tenant.subtree().values_list("pk", flat=True)):
        raise PermissionDenied(permission)
    if parent.is_trashed:
        raise ValidationError(f"{parent}, above it, is in the trash. Restore that first.")
    return parent


def _forget_operations(tenant: Tenant) -> None:
    """In short transactions: there may be many, with thousands of items."""
    operations = Operation.objects.filter(tenant__path__startswith=tenant.path, tenant__is_trashed=True)
    while ids := list(operations.order_by("pk").values_list("pk", flat=True)[:_CHUNK]):
        Operation.objects.filter(pk__in=ids).delete()
