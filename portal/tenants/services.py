"""Changes to the tenant tree."""

from django.core.exceptions import ValidationError
from django.db import transaction

from portal.audit import services as audit
from portal.core.events import publish
from portal.tenants.models import Tenant

LEVELS_BELOW = {
    Tenant.Kind.PROVIDER: (Tenant.Kind.RESELLER, Tenant.Kind.CUSTOMER),
    Tenant.Kind.RESELLER: (Tenant.Kind.RESELLER, Tenant.Kind.CUSTOMER),
    Tenant.Kind.CUSTOMER: (Tenant.Kind.CUSTOMER,),
}
"""Which kinds may stand directly below which."""


def create_tenant(*, parent: Tenant | None, kind: str, name: str, actor: object = None) -> Tenant:
    """Add a Tenant to the tree.

    Raises:
        ValidationError: the kind cannot stand below `parent`, or the name is taken there.
    """
    if parent is None:
        if kind != Tenant.Kind.PROVIDER or Tenant.objects.filter(parent=None).exists():
            raise ValidationError({"kind": "There is one provider, at the top."})
    elif kind not in LEVELS_BELOW[Tenant.Kind(parent.kind)]:
        raise ValidationError({"kind": f"A {kind} cannot stand below a {parent.kind}."})
    if Tenant.objects.filter(parent=parent, name__iexact=name).exists():
        raise ValidationError({"name": f"{parent or 'The top'} already has a tenant called {name}."})
    with audit.record("tenant.create", actor=actor, tenant_id=parent.pk if parent else None) as entry:
        with transaction.atomic():
            tenant = Tenant.objects.create(parent=parent, kind=kind, name=name)
            tenant.path = f"{parent.path if parent else '/'}{tenant.pk}/"
            tenant.save(update_fields=["path"])
            publish("tenant.changed", tenant_id=tenant.pk, tenant=tenant.pk)
        entry.target = tenant
    return tenant


def rename_tenant(tenant: Tenant, *, name: str, actor: object = None) -> None:
    """Give a Tenant another name.

    Raises:
        ValidationError: another Tenant beside it has that name.
    """
    if Tenant.objects.filter(parent=tenant.parent, name__iexact=name).exclude(pk=tenant.pk).exists():
        raise ValidationError({"name": f"There is already a tenant called {name} here."})
    details = {"before": tenant.name, "after": name}
    with audit.record("tenant.rename", actor=actor, tenant_id=tenant.pk, target=tenant, details=details):
        tenant.name = name
        tenant.save(update_fields=["name"])
        publish("tenant.changed", tenant_id=tenant.pk, tenant=tenant.pk)
