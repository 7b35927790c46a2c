"""Reads about people, their roles and their invitations."""

from dataclasses import dataclass
from typing import Any

from allauth.mfa.models import Authenticator
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Exists, OuterRef, Prefetch, Q, QuerySet
from django.http import Http404
from django.utils import timezone

from portal.accounts.factors import REAL_FACTORS
from portal.accounts.grants import RoleChoice, may_take
from portal.accounts.models import CustomRole, Exclusion, Invitation, Membership, Role, User
from portal.accounts.selectors_tokens import list_tokens_seeing as list_tokens_seeing
from portal.core.access import PERMISSIONS, ROLES, Access
from portal.core.querysets import TenantQuerySet
from portal.tenants.models import Tenant


def list_people(
    access: Access, *, text: str = "", role: str = "", without_factor: bool = False
) -> QuerySet[User]:
    """People with a role in a Tenant where the caller may see people, each with those roles and factors."""
    visible = Membership.objects.visible_to(access, "person:view").select_related("tenant", "custom_role")
    held = visible.filter(role=role) if role else visible
    people = User.objects.filter(pk__in=held.values("user"))
    if text:
        people = people.filter(Q(name__icontains=text) | Q(email__icontains=text))
    if without_factor:
        factors = Authenticator.objects.filter(user=OuterRef("pk"), type__in=REAL_FACTORS)
        people = people.exclude(Exists(factors))
    roles = Prefetch("memberships", queryset=visible.order_by("tenant__path"), to_attr="visible_memberships")
    return people.prefetch_related(roles, "authenticator_set")


def list_open_invitations(access: Access) -> TenantQuerySet[Invitation]:
    """Invitations that can still be accepted, newest first."""
    return (
        Invitation.objects.visible_to(access, "person:view")
        .filter(accepted_at=None, expires_at__gt=timezone.now())
        .select_related("tenant", "invited_by", "custom_role")
        .order_by("-created_at")
    )


def home_tenant_id(user: User) -> int | None:
    """The Tenant of somebody who has roles in one alone; others are seen by who sees every Tenant."""
    tenants = set(Membership.objects.filter(user=user).values_list("tenant_id", flat=True))
    return tenants.pop() if len(tenants) == 1 else None


def get_person(access: Access, pk: int) -> User:
    """Somebody with a role where the caller may see people, with those roles as `visible_memberships`.

    Raises:
        Http404: there is nobody of that number, or none the caller may see.
    """
    person = list_people(access).filter(pk=pk).first()
    if person is None:
        raise Http404("No person matches.")
    return person


def is_kept_out(user: User) -> bool:
    """Whether one of a person's roles leaves Tenants out."""
    return Exclusion.objects.filter(membership__user=user).exists()


def list_memberships() -> TenantQuerySet[Membership]:
    """Every Membership with its person, Tenant and role, to be scoped by the caller."""
    return Membership.objects.select_related("user", "tenant", "custom_role__tenant")


@dataclass(frozen=True)
class HeldRole:
    """A role of a person, as the caller sees it."""

    membership: Membership
    excluded: list[Tenant]
    unseen: int
    """How many more Tenants are left out that the caller does not see."""
    can_take: bool


def list_roles_of(access: Access, person: User) -> list[HeldRole]:
    """The roles of a person in Tenants where the caller sees people, in the order of the tree."""
    exclusions = Prefetch("exclusions", queryset=Exclusion.objects.select_related("tenant"))
    held = list_memberships().visible_to(access, "person:view").filter(user=person)
    roles = []
    for membership in held.select_related("granted_by").prefetch_related(exclusions).order_by("tenant__path"):
        excluded = [one.tenant for one in membership.exclusions.all()]
        seen = [one for one in excluded if access.allows("person:view", tenant_id=one.pk)]
        can_take = may_take(access, RoleChoice.of(membership), tenant=membership.tenant, excluded=excluded)
        roles.append(HeldRole(membership, seen, len(excluded) - len(seen), can_take))
    return roles


def require_viewable(access: Access, person: User) -> None:
    """403 unless the person has a role where the caller may view as others."""
    held = Membership.objects.visible_to(access, "person:view-as").filter(user=person)
    if not held.exists():
        raise PermissionDenied("person:view-as")


def list_custom_roles(access: Access) -> TenantQuerySet[Any]:
    """Roles made by Tenants where the caller sees people, in the order of the tree."""
    return (
        CustomRole.objects.visible_to(access, "person:view")
        .select_related("tenant", "changed_by")
        .annotate(holders=Count("memberships", distinct=True))
        .order_by("tenant__path", "name")
    )


@dataclass(frozen=True)
class Holders:
    """Who holds a custom role, and to whom it is promised."""

    memberships: list[Membership]
    invitations: list[Invitation]

    def __bool__(self) -> bool:
        return bool(self.memberships or self.invitations)


def holders_of(role: CustomRole) -> Holders:
    """Everybody who holds it, also where the caller sees nobody."""
    waiting = role.invitations.filter(accepted_at=None, expires_at__gt=timezone.now())
    return Holders(
        list(role.memberships.select_related("user", "tenant").order_by("user__name", "pk")),
        list(waiting.select_related("tenant").order_by("pk")),
    )


def seen_holders(access: Access, role: CustomRole) -> dict[str, Any]:
    """Who holds a custom role, as far as the caller sees people, and how many more there are."""
    everybody = holders_of(role)
    memberships = [
        one for one in everybody.memberships if access.allows("person:view", tenant_id=one.tenant_id)
    ]
    invitations = [
        one for one in everybody.invitations if access.allows("person:view", tenant_id=one.tenant_id)
    ]
    shown = len(memberships) + len(invitations)
    return {
        "holders": memberships,
        "invited": invitations,
        "unseen_holders": len(everybody.memberships) + len(everybody.invitations) - shown,
    }


def first_managed(access: Access) -> Tenant | None:
    """The topmost Tenant where the caller gives roles."""
    return Tenant.objects.visible_to(access, "person:manage").order_by("path").first()


def built_in_roles() -> list[tuple[str, list[str]]]:
    """Each built-in role by its name, with what it allows in words."""
    return [
        (role.label, [meaning for name, meaning in PERMISSIONS.items() if name in ROLES[role.value]])
        for role in Role
    ]


@dataclass(frozen=True)
class Sighting:
    """A role that reaches a Tenant, or would but for an exclusion."""

    membership: Membership
    left_out: Tenant | None
    """The Tenant that keeps the role out."""
    granted: frozenset[str]

    @property
    def is_open(self) -> bool:
        """Whether it lets the person in."""
        membership = self.membership
        return self.left_out is None and membership.user.is_active and not membership.tenant.is_suspended


def who_reaches(access: Access, tenant: Tenant, permission: str) -> list[Sighting]:
    """The roles with `permission` held in a Tenant or above it, as far up as the caller sees people.

    Two queries. Those that let somebody in come first.
    """
    above = [int(part) for part in tenant.path.strip("/").split("/")]
    exclusions = Prefetch("exclusions", queryset=Exclusion.objects.select_related("tenant"))
    memberships = (
        Membership.objects.visible_to(access, "person:view")
        .filter(tenant__in=above)
        .select_related("user", "tenant", "custom_role", "granted_by")
        .prefetch_related(exclusions)
        .order_by("user__name", "user_id", "tenant__path")
    )
    found = [
        Sighting(membership, _left_out(membership, tenant), membership.granted)
        for membership in memberships
        if permission in membership.granted
    ]
    return sorted(found, key=lambda one: not one.is_open)


def _left_out(membership: Membership, tenant: Tenant) -> Tenant | None:
    kept_out = (exclusion.tenant for exclusion in membership.exclusions.all())
    return next((one for one in kept_out if tenant.path.startswith(one.path)), None)
