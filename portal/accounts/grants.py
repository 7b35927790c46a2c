"""What a person may give: nothing that he does not hold himself, wherever it would reach."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Q, QuerySet

from portal.accounts.access import access_to_trash
from portal.accounts.errors import RoleRefused
from portal.accounts.models import CustomRole, Exclusion, Role, RoleHeld
from portal.core.access import NO_ACCESS, PERMISSIONS, ROLES, Access
from portal.core.tenant_sets import EVERYTHING, covers
from portal.tenants.models import Tenant

CUSTOM_PREFIX: Final = "custom-"
NAMED_AT_MOST: Final = 4


@dataclass(frozen=True)
class RoleChoice:
    """A built-in role, or one that a Tenant made: what can be given."""

    role: str = ""
    custom: CustomRole | None = None

    @classmethod
    def of(cls, held: RoleHeld) -> "RoleChoice":
        """The role of a Membership or an Invitation."""
        return cls(held.role, held.custom_role)

    @property
    def value(self) -> str:
        """What stands for it in a form."""
        return f"{CUSTOM_PREFIX}{self.custom.pk}" if self.custom else self.role

    @property
    def name(self) -> str:
        return self.custom.name if self.custom else Role(self.role).label

    @property
    def granted(self) -> frozenset[str]:
        return self.custom.granted if self.custom else ROLES[self.role]

    @property
    def columns(self) -> dict[str, Any]:
        """Of a Membership or an Invitation."""
        return {"role": self.role, "custom_role": self.custom}

    def belongs_to(self, tenant: Tenant) -> bool:
        """Whether it can be held there: one that a Tenant made, only in that Tenant and below."""
        return self.custom is None or tenant.path.startswith(self.custom.tenant.path)


def usable_roles(access: Access, permission: str = "person:manage") -> list[RoleChoice]:
    """The built-in roles, and those made by the Tenants where the caller has `permission`, and above."""
    custom = CustomRole.objects.select_related("tenant").order_by("tenant__path", "name")
    tenants = access.tenants_with(permission)
    if tenants is not EVERYTHING:
        paths = Tenant.objects.visible_to(access, permission).values_list("path", flat=True)
        custom = custom.filter(
            tenant__in={int(part) for path in paths for part in path.strip("/").split("/")}
        )
    return [*(RoleChoice(role.value) for role in Role), *(RoleChoice(custom=role) for role in custom)]


def lacking(
    access: Access, permissions: Iterable[str], *, tenant: Tenant, excluded: Iterable[Tenant] = ()
) -> list[str]:
    """Of `permissions`, those the caller does not hold in all of a Tenant's subtree, but for `excluded`.

    What lies in the trash counts as it will when it is restored. One query, two where something lies
    there, and none where the caller holds them everywhere.
    """
    asked = frozenset(permissions)
    wanted = [name for name in PERMISSIONS if name in asked and access.tenants_with(name) is not EVERYTHING]
    if not wanted:
        return []
    reached = _subtree(tenant, excluded).values_list("pk", "is_trashed")
    open_ids = {pk for pk, is_trashed in reached if not is_trashed}
    trashed_ids = {pk for pk, is_trashed in reached if is_trashed}
    in_trash = access_to_trash(access.user_id) if trashed_ids else NO_ACCESS
    return [
        name
        for name in wanted
        if not covers(access.tenants_with(name), open_ids)
        or not covers(in_trash.tenants_with(name), trashed_ids)
    ]


def may_grant(access: Access, choice: RoleChoice, *, tenant: Tenant, excluded: Iterable[Tenant] = ()) -> bool:
    """Whether the caller may give this role there, with these exclusions."""
    return choice.belongs_to(tenant) and may_take(access, choice, tenant=tenant, excluded=excluded)


def may_take(access: Access, choice: RoleChoice, *, tenant: Tenant, excluded: Iterable[Tenant] = ()) -> bool:
    """Whether the caller may take this role there, which reaches all but these exclusions.

    A Tenant may have moved away from the one that made the role since it was given.
    """
    return not _why_not(access, choice, tenant, excluded)


def require_grantable(
    access: Access, choice: RoleChoice, *, tenant: Tenant, excluded: Iterable[Tenant] = ()
) -> None:
    """Raise RoleRefused, with the reason, unless `may_grant`."""
    require_takeable(access, choice, tenant=tenant, excluded=excluded)
    if not choice.belongs_to(tenant):
        raise RoleRefused(f"The role {choice.name} cannot be held in {tenant}.")


def require_takeable(
    access: Access, choice: RoleChoice, *, tenant: Tenant, excluded: Iterable[Tenant] = ()
) -> None:
    """Raise RoleRefused, with the reason, unless `may_take`."""
    why_not = _why_not(access, choice, tenant, excluded)
    if why_not:
        raise RoleRefused(why_not)


def kept_out_of(access: Access, tenant: Tenant) -> list[Tenant]:
    """What exceptions keep the caller out of, in a Tenant's subtree: no role he gives reaches it."""
    own = Tenant.objects.filter(
        pk__in=Exclusion.objects.filter(membership__user=access.user_id).values("tenant"),
        path__startswith=tenant.path,
    ).exclude(pk=tenant.pk)
    in_trash = access_to_trash(access.user_id)
    return [
        one
        for one in own.order_by("path")
        if one.pk not in (in_trash if one.is_trashed else access).tenants_with("person:manage")
    ]


def said(permissions: Iterable[str]) -> str:
    """Permissions in the words of the table, the first few of many."""
    words = [f"“{PERMISSIONS[name]}”" for name in permissions]
    more = len(words) - NAMED_AT_MOST
    return ", ".join(words[:NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")


def _why_not(access: Access, choice: RoleChoice, tenant: Tenant, excluded: Iterable[Tenant]) -> str:
    if not access.allows("person:manage", tenant_id=tenant.pk):
        return f"You may not give or take roles in {tenant}."
    missing = lacking(access, choice.granted, tenant=tenant, excluded=excluded)
    if missing:
        return (
            f"You cannot give or take the role {choice.name} in {tenant}: it holds more than you do"
            f" there, below it or in its trash: {said(missing)}."
        )
    return ""


def _subtree(tenant: Tenant, excluded: Iterable[Tenant]) -> QuerySet[Tenant]:
    left_out = Q()
    for one in excluded:
        left_out |= Q(path__startswith=one.path)
    reached = tenant.subtree()
    return reached.exclude(left_out) if left_out else reached
