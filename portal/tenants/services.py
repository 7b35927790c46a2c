"""Changes to the tenant tree: a Tenant is made, renamed, moved. Each is one transaction."""

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction

from portal.audit import services as audit
from portal.audit.changes import changes, snapshot
from portal.core.access import Access
from portal.core.events import publish
from portal.core.names import find_look_alike
from portal.tenants.models import Tenant
from portal.tenants.signals import tenant_moved
from portal.tenants.trash_sight import reaches_trashed
from portal.tenants.tree import lock_tree, settle, tell_people

LEVELS_BELOW = {
    Tenant.Kind.PROVIDER: (Tenant.Kind.RESELLER, Tenant.Kind.CUSTOMER),
    Tenant.Kind.RESELLER: (Tenant.Kind.RESELLER, Tenant.Kind.CUSTOMER),
    Tenant.Kind.CUSTOMER: (Tenant.Kind.CUSTOMER,),
}
"""Which kinds may stand directly below which."""


def create_tenant(
    *,
    parent: Tenant | None,
    kind: str,
    name: str,
    access: Access | None = None,
    actor: object = None,
    ip: str | None = None,
) -> Tenant:
    """Add a Tenant to the tree. Without `access` somebody asks at the command line, who may know all.

    Raises:
        ValidationError: the kind cannot stand below `parent`, or the name is taken there.
    """
    with audit.record(
        "tenant.create", actor=actor, tenant_id=parent.pk if parent else None, ip=ip, details={"name": name}
    ) as entry:
        with transaction.atomic():
            lock_tree()
            if parent is not None:
                parent.refresh_from_db()
            require_place(parent, kind=kind, name=name, access=access)
            is_suspended = parent is not None and parent.is_suspended
            tenant = Tenant.objects.create(parent=parent, kind=kind, name=name, is_suspended=is_suspended)
            tenant.path = f"{parent.path if parent else '/'}{tenant.pk}/"
            tenant.save(update_fields=["path"])
            tell_people(tenant.ids_above)
            publish("tenant.changed", tenant_id=tenant.pk, tenant=tenant.pk)
        entry.target = tenant
    return tenant


def rename_tenant(
    tenant: Tenant, *, name: str, access: Access, actor: object = None, ip: str | None = None
) -> None:
    """Give a Tenant another name.

    Raises:
        ValidationError: another Tenant beside it has that name; which one, is told to who sees it.
    """
    with (
        audit.record(
            "tenant.rename", actor=actor, tenant_id=tenant.pk, target=tenant, ip=ip, details={"name": name}
        ) as entry,
        transaction.atomic(),
    ):
        lock_tree()
        tenant.refresh_from_db()
        before = snapshot(tenant, "name")
        _require_free_name(tenant.parent, name, but=tenant, access=access)
        tenant.name = name
        tenant.save(update_fields=["name"])
        entry.details = changes(before, snapshot(tenant, "name"))
        publish("tenant.changed", tenant_id=tenant.pk, tenant=tenant.pk)


def move_tenant(
    tenant: Tenant, *, parent: Tenant, access: Access, actor: object, ip: str | None = None
) -> None:
    """Put a Tenant, with everything below it, under another parent. Both are brought up to date.

    Whoever loses or gains sight of it has his open pages checked again. Where the new parent is
    suspended, so is everything that comes under it. Its own people do not read where it was and is.

    Raises:
        PermissionDenied: `access` does not manage the Tenant, all below it, its parent and the new one.
        ValidationError: it cannot stand there; nothing has changed.
    """
    shared = [pk for pk in tenant.ids_above if pk in (*parent.ids_above, parent.pk)]
    with (
        audit.record(
            "tenant.move",
            actor=actor,
            tenant_id=tenant.pk,
            target=tenant,
            ip=ip,
            owner_tenant_id=shared[-1] if shared else tenant.pk,
        ) as action,
        transaction.atomic(),
    ):
        lock_tree()
        tenant.refresh_from_db()
        parent.refresh_from_db()
        action.owner_details = {"from": str(tenant.parent or "the top"), "to": parent.name}
        require_movable(tenant, parent=parent, access=access)
        above_before, above_after = tenant.ids_above, [*parent.ids_above, parent.pk]
        tenant.parent = parent
        tenant.save(update_fields=["parent"])
        settle(tenant)
        tell_people(set(above_before) ^ set(above_after), also_left_out=True)
        tenant_moved.send(Tenant, tenant=tenant)
        publish("tenant.changed", tenant_id=tenant.pk, tenant=tenant.pk)


def require_movable(tenant: Tenant, *, parent: Tenant, access: Access) -> None:
    """Raises what `move_tenant` raises, and changes nothing."""
    require_above(tenant, access=access)
    access.require("tenant:manage", tenant_id=parent.pk)
    if parent.is_trashed:
        raise PermissionDenied("tenant:manage")
    if parent.pk == tenant.pk:
        raise ValidationError({"parent": f"{tenant} cannot stand below itself."})
    if parent.path.startswith(tenant.path):
        raise ValidationError(
            {"parent": f"{parent} stands below {tenant}. Move {parent} out first, or choose another."}
        )
    if parent.pk == tenant.parent_id:
        raise ValidationError({"parent": f"{tenant} stands below {parent} already."})
    require_place(parent, kind=tenant.kind, name=tenant.name, access=access)
    ids, _ = _ids_of_branch(tenant)
    if any(not access.allows(held, tenant_id=pk) for held in access.held_in(parent.pk) for pk in ids):
        raise ValidationError(
            {
                "parent": f"You hold more in {parent} than in {tenant} and below it, so you would give"
                " yourself rights there. Ask somebody who holds as much in both."
            }
        )


def require_above(tenant: Tenant, *, access: Access) -> None:
    """Refuse who does not manage the Tenant with all below it, and its parent: nobody acts on the branch
    he sits on, nor on what he does not see.

    Raises:
        PermissionDenied: he does not, or it is in the trash.
        ValidationError: it is the provider, at the top.
    """
    access.require("tenant:manage", tenant_id=tenant.pk)
    if tenant.is_trashed:
        raise PermissionDenied("tenant:manage")
    if tenant.parent_id is None:
        raise ValidationError(f"{tenant} is the provider: it stays at the top, and open.")
    open_ids, trashed_ids = _ids_of_branch(tenant)
    for pk in (tenant.parent_id, *open_ids):
        access.require("tenant:manage", tenant_id=pk)
    if not reaches_trashed(access, "tenant:manage", trashed_ids):
        raise PermissionDenied("tenant:manage")


def _ids_of_branch(tenant: Tenant) -> tuple[list[int], list[int]]:
    """Ids of a Tenant and all below it; apart from them those that lie in the trash."""
    rows = list(tenant.subtree().values_list("pk", "is_trashed"))
    return [pk for pk, is_trashed in rows if not is_trashed], [pk for pk, is_trashed in rows if is_trashed]


def require_place(parent: Tenant | None, *, kind: str, name: str, access: Access | None) -> None:
    """Raises ValidationError unless a Tenant of that kind and name may stand below `parent`."""
    if parent is None:
        if kind != Tenant.Kind.PROVIDER or Tenant.objects.filter(parent=None).exists():
            raise ValidationError({"kind": "There is one provider, at the top."})
        return
    if parent.is_trashed:
        raise ValidationError({"parent": f"{parent} is in the trash. Restore it first."})
    if kind not in LEVELS_BELOW[Tenant.Kind(parent.kind)]:
        raise ValidationError({"kind": f"A {kind} cannot stand below a {parent.kind}."})
    _require_free_name(parent, name, access=access)


def _require_free_name(
    parent: Tenant | None, name: str, *, access: Access | None, but: Tenant | None = None
) -> None:
    """Names beside each other differ in more than case and look-alike letters.

    Which Tenant is in the way, and below what, is told to who sees it. To others only that the name will
    not do: two of one name cannot stand beside each other, so as much cannot be kept from them.
    """
    beside = Tenant.objects.filter(parent=parent, trashed_at=None)
    if but is not None:
        beside = beside.exclude(pk=but.pk)
    names = dict(beside.order_by("pk").values_list("name", "pk"))
    taken = find_look_alike(name, names)
    if taken is not None and access and not access.allows("tenant:view", tenant_id=names[taken]):
        raise ValidationError(
            {"name": "This name is taken, or looks like one that is. Add a word, such as a place."}
        )
    if taken is not None:
        alike = "" if taken.casefold() == name.casefold() else f", which looks like {name}"
        raise ValidationError({"name": f"{parent or 'The top'} already has a tenant called {taken}{alike}."})
