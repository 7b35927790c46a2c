"""Suspends Tenants and resumes them, with everything below.

Roles held in a suspended Tenant, and below it, are worth nothing. Whoever is above sees all of it as
before. Nothing changes on Comet Servers unless it is asked for.
"""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from portal.audit import services as audit
from portal.core.access import Access
from portal.core.events import publish
from portal.tenants.models import Tenant
from portal.tenants.services import require_above
from portal.tenants.tree import lock_tree, settle


def suspend_tenant(tenant: Tenant, *, access: Access, actor: object, ip: str | None = None) -> None:
    """Suspend a Tenant and everything below it: its people are signed out and not let in again.

    People who have roles elsewhere, too, lose what came through it.

    Raises:
        PermissionDenied: `access` does not manage the Tenant and its parent.
        ValidationError: it is suspended already, or the provider.
    """
    with (
        audit.record("tenant.suspend", actor=actor, tenant_id=tenant.pk, target=tenant, ip=ip),
        transaction.atomic(),
    ):
        lock_tree()
        tenant.refresh_from_db()
        require_above(tenant, access=access)
        if tenant.suspended_at is not None:
            raise ValidationError(f"{tenant} is suspended already.")
        tenant.suspended_at = timezone.now()
        tenant.save(update_fields=["suspended_at"])
        settle(tenant)
        publish("tenant.changed", tenant_id=tenant.pk, tenant=tenant.pk)


def resume_tenant(tenant: Tenant, *, access: Access, actor: object, ip: str | None = None) -> None:
    """Let the people of a suspended Tenant in again. What was suspended below it by itself stays so.

    Raises:
        PermissionDenied: `access` does not manage the Tenant and its parent.
        ValidationError: it is not suspended by itself.
    """
    with (
        audit.record("tenant.resume", actor=actor, tenant_id=tenant.pk, target=tenant, ip=ip),
        transaction.atomic(),
    ):
        lock_tree()
        tenant.refresh_from_db()
        require_above(tenant, access=access)
        if tenant.suspended_at is None:
            above = tenant.is_suspended and tenant.parent
            raise ValidationError(
                f"{tenant} is suspended because what is above it is. Resume that instead."
                if above
                else f"{tenant} is not suspended."
            )
        tenant.suspended_at = None
        tenant.save(update_fields=["suspended_at"])
        settle(tenant)
        publish("tenant.changed", tenant_id=tenant.pk, tenant=tenant.pk)
