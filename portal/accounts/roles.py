"""Roles that Tenants make for themselves: made, changed and deleted."""

from collections.abc import Collection
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import Q

from portal.accounts.errors import RoleChanged, RoleRefused
from portal.accounts.grants import lacking, said
from portal.accounts.models import CustomRole, Role, User
from portal.accounts.selectors import holders_of
from portal.accounts.signals import role_taken
from portal.audit import services as audit
from portal.audit.changes import changes
from portal.core.access import PERMISSIONS, Access
from portal.core.events import publish
from portal.core.names import find_look_alike
from portal.tenants.models import Tenant


@dataclass(frozen=True)
class RoleText:
    """What a custom role says: its name and its permissions, in the order of the table."""

    name: str
    permissions: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, role: CustomRole) -> "RoleText":
        return cls(role.name, [name for name in PERMISSIONS if name in role.granted])

    def changes_to(self, other: "RoleText") -> list[str]:
        """What differs in `other`, in sentences."""
        gained = [name for name in other.permissions if name not in self.permissions]
        lost = [name for name in self.permissions if name not in other.permissions]
        return [
            *([f"The name was “{self.name}” and is “{other.name}”."] if self.name != other.name else []),
            *(f"It now holds “{PERMISSIONS[name]}”." for name in gained),
            *(f"It no longer holds “{PERMISSIONS[name]}”." for name in lost),
        ]


def make_role(
    *, tenant: Tenant, name: str, permissions: Collection[str], access: Access, actor: User
) -> CustomRole:
    """A new role of a Tenant.

    Raises:
        RoleRefused: the caller does not hold all of it in all of that Tenant, or the name is taken.
    """
    text = _text(name, permissions)
    with (
        audit.record(
            "role.create",
            actor=actor,
            tenant_id=tenant.pk,
            details=vars(text) | {},
            refusals=(RoleRefused,),
        ) as entry,
        transaction.atomic(),
    ):
        _lock_names(tenant)
        _require_held(access, text.permissions, tenant)
        _require_free_name(tenant, name, access)
        role = CustomRole.objects.create(
            tenant=tenant, name=name, permissions=text.permissions, changed_by=actor
        )
        entry.target = role
    return role


def edit_role(
    role: CustomRole,
    *,
    name: str,
    permissions: Collection[str],
    version: int,
    access: Access,
    actor: User,
) -> CustomRole:
    """Change a role for everybody who holds it. `version` is that of the role the caller looked at.

    Raises:
        RoleChanged: somebody else changed it since; nothing was stored.
        RoleRefused: the caller does not hold what it grants, or would, everywhere it reaches; or the
            name is taken.
    """
    text = _text(name, permissions)
    with (
        audit.record(
            "role.edit",
            actor=actor,
            tenant_id=role.tenant_id,
            target=role,
            details=vars(text) | {},
            refusals=(RoleRefused, RoleChanged),
        ) as entry,
        transaction.atomic(),
    ):
        _lock_names(role.tenant)
        current = _locked(role)
        if current.version != version:
            raise RoleChanged(current)
        held = frozenset(text.permissions) | current.granted
        _require_held(access, held, current.tenant)
        _require_held_by_holders(access, held, current)
        _require_free_name(current.tenant, name, access, besides=current)
        entry.details = changes(vars(RoleText.of(current)), vars(text))
        lost = current.granted - frozenset(text.permissions)
        current.name, current.permissions = name, text.permissions
        current.version += 1
        current.changed_by = actor
        current.save()
        for membership in current.memberships.select_related("user"):
            publish("access.changed", tenant_id=membership.tenant_id, user=membership.user_id)
            if lost:
                role_taken.send(CustomRole, user=membership.user)
    return current


def delete_role(role: CustomRole, *, access: Access, actor: User) -> None:
    """Delete a role that nobody holds.

    Raises:
        RoleRefused: somebody holds it or is invited to, or the caller could not have made it.
    """
    with (
        audit.record(
            "role.delete",
            actor=actor,
            tenant_id=role.tenant_id,
            target=role,
            details=vars(RoleText.of(role)) | {},
            refusals=(RoleRefused,),
        ),
        transaction.atomic(),
    ):
        current = _locked(role)
        _require_held(access, current.granted, current.tenant)
        if holders_of(current):
            raise RoleRefused(f"{current} is held. Take it from everybody who holds it first.")
        current.delete()


def _locked(role: CustomRole) -> CustomRole:
    held = CustomRole.objects.select_for_update(of=("self",)).select_related("tenant", "changed_by")
    current = held.filter(pk=role.pk).first()
    if current is None:
        raise RoleRefused(f"The role {role} was deleted meanwhile.")
    return current


def _lock_names(tenant: Tenant) -> None:
    """Nobody else gives a role of this Tenant a name until the transaction ends."""
    list(Tenant.objects.select_for_update(no_key=True).filter(pk=tenant.pk))


def _text(name: str, permissions: Collection[str]) -> RoleText:
    unknown = frozenset(permissions) - PERMISSIONS.keys()
    if unknown:
        raise LookupError(f"{sorted(unknown)} are not in the permission table")
    return RoleText(name, [one for one in PERMISSIONS if one in permissions])


def _require_held(access: Access, permissions: Collection[str], tenant: Tenant) -> None:
    if not access.allows("person:manage", tenant_id=tenant.pk):
        raise RoleRefused(f"You may not make or change roles of {tenant}.")
    missing = lacking(access, permissions, tenant=tenant)
    if missing:
        raise RoleRefused(
            f"A role is made and changed only by somebody who holds all of it in {tenant} and below."
            f" You lack: {said(missing)}."
        )


def _require_held_by_holders(access: Access, permissions: Collection[str], role: CustomRole) -> None:
    """Where a Tenant that has it was moved away, the caller must hold it there, too."""
    holders = holders_of(role)
    tenants = {one.tenant for one in holders.memberships} | {one.tenant for one in holders.invitations}
    for tenant in tenants:
        outside = not tenant.path.startswith(role.tenant.path)
        if outside and lacking(access, permissions, tenant=tenant):
            raise RoleRefused(
                f"{role} is also held in a tenant that is no longer below {role.tenant}, out of your reach."
                " Make a new role, or ask whoever looks after both."
            )


def _require_free_name(
    tenant: Tenant, name: str, access: Access, *, besides: CustomRole | None = None
) -> None:
    """Refuse the image of a built-in role, or of one made here, above, or below where the caller sees it.

    Roles made above are offered here anyway; that there is one below, out of sight, is told to nobody.
    """
    here_or_above = [*tenant.ids_above, tenant.pk]
    seen = CustomRole.objects.visible_to(access, "person:view")
    below = seen.filter(tenant__path__startswith=tenant.path).values("pk")
    near = CustomRole.objects.filter(Q(tenant__in=here_or_above) | Q(pk__in=below))
    if besides is not None:
        near = near.exclude(pk=besides.pk)
    taken = [*Role.labels, *near.values_list("name", flat=True)]
    found = find_look_alike(name, taken)
    if found is not None:
        raise RoleRefused(f"There is a role called “{found}”, which reads the same. Choose another name.")
