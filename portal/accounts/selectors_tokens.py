"""Reads of API tokens. A token has no single Tenant, so who sees which is worked out here."""

from datetime import timedelta
from typing import Final

from django.db.models import Q, QuerySet
from django.http import Http404
from django.utils import timezone

from portal.accounts.access import access_for
from portal.accounts.models import ApiToken, Membership, User
from portal.core.access import Access
from portal.core.tenant_sets import EVERYTHING
from portal.tenants.models import Tenant

SOON: Final = timedelta(days=14)
"""A token that expires within this time is told of."""

LONG: Final = timedelta(days=90)
"""A token that nobody used for so long is told of."""


def list_own_tokens(user: User) -> QuerySet[ApiToken]:
    """The tokens of a person, those that end last first, as `ApiToken` with its Tenant."""
    return _tokens().filter(owner=user).order_by("-expires_at", "-pk")


def list_tokens_of(tenant: Tenant) -> QuerySet[ApiToken]:
    """A Tenant's own tokens, those that end last first."""
    return _tokens().filter(owner=None, tenant=tenant).order_by("-expires_at", "-pk")


def list_managed_tokens(access: Access) -> QuerySet[ApiToken]:
    """The tokens of Tenants where the caller manages tokens, and of people who hold no role elsewhere."""
    if access.tenants_with("token:manage") is EVERYTHING:
        return _tokens()
    tenants = Tenant.objects.visible_to(access, "token:manage").values("pk")
    inside = Membership.objects.filter(tenant__in=tenants).values("user")
    outside = Membership.objects.exclude(tenant__in=tenants).values("user")
    of_people = Q(owner__in=inside) & ~Q(owner__in=outside)
    return _tokens().filter(Q(owner=None, tenant__in=tenants) | of_people)


def get_revocable_token(user: User, access: Access, pk: int) -> ApiToken:
    """A token of one's own, or one that the caller manages.

    Raises:
        Http404: there is none of that number, or the caller may not touch it.
    """
    token = list_own_tokens(user).filter(pk=pk).first() or list_managed_tokens(access).filter(pk=pk).first()
    if token is None:
        raise Http404("No API token matches.")
    return token


def is_live() -> Q:
    """Neither revoked nor expired."""
    return Q(revoked_at=None, expires_at__gt=timezone.now())


def expires_soon() -> Q:
    return is_live() & Q(expires_at__lte=timezone.now() + SOON)


def is_unused() -> Q:
    """Live, and not used for 90 days: never, or not since then."""
    before = timezone.now() - LONG
    return is_live() & (Q(last_used_at__lt=before) | Q(last_used_at=None, created_at__lt=before))


def list_tokens_seeing(tenant_id: int, permission: str, *, access: Access | None = None) -> list[ApiToken]:
    """The tokens that hold `permission` in a Tenant now, with owner and Tenant; those of Tenants first.

    With `access` only those that this caller may know of: of Tenants and people where he sees people.
    Two queries, and one for each person with such a token.
    """
    tenant = Tenant.objects.filter(pk=tenant_id, is_trashed=False).first()
    if tenant is None:
        return []
    above = [*tenant.ids_above, tenant.pk]
    of_tenants = Q(owner=None, tenant__in=above, tenant__is_suspended=False)
    of_people = Q(owner__is_active=True, owner__memberships__tenant__in=above) & (
        Q(tenant=None) | Q(tenant__in=above)
    )
    if access is not None:
        known = Tenant.objects.visible_to(access, "person:view").values("pk")
        of_tenants &= Q(tenant__in=known)
        of_people &= Q(owner__memberships__tenant__in=known)
    found = _tokens().filter(is_live() & (of_tenants | of_people)).distinct().order_by("name", "pk")
    worth: dict[int, bool] = {}
    seeing = []
    for token in found:
        if permission not in token.scope:
            continue
        owner = token.owner
        if owner is not None and owner.pk not in worth:
            worth[owner.pk] = access_for(owner).allows(permission, tenant_id=tenant_id)
        if owner is None or worth[owner.pk]:
            seeing.append(token)
    return sorted(seeing, key=lambda token: token.owner is not None)


def _tokens() -> QuerySet[ApiToken]:
    return ApiToken.objects.select_related("owner", "tenant", "made_by")
