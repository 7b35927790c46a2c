"""Reads about people, their roles and their invitations."""

from django.db.models import Prefetch, Q, QuerySet
from django.utils import timezone

from portal.accounts.models import Invitation, Membership, User
from portal.core.access import Access
from portal.core.querysets import TenantQuerySet


def list_people(access: Access, *, text: str = "", role: str = "") -> QuerySet[User]:
    """People with a role in a Tenant where the caller may see people, each with those roles."""
    visible = Membership.objects.visible_to(access, "person:view").select_related("tenant", "custom_role")
    held = visible.filter(role=role) if role else visible
    people = User.objects.filter(pk__in=held.values("user"))
    if text:
        people = people.filter(Q(name__icontains=text) | Q(email__icontains=text))
    roles = Prefetch("memberships", queryset=visible.order_by("tenant__path"), to_attr="visible_memberships")
    return people.prefetch_related(roles)


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
