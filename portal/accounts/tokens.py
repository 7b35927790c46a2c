"""API tokens: made and revoked. A token is shown once, to who makes it; a digest is stored."""

from collections.abc import Collection
from datetime import timedelta
from typing import Final

from django.db.models import Q
from django.utils import timezone

from portal.accounts.errors import TokenRefused
from portal.accounts.grants import lacking, said
from portal.accounts.models import ApiToken, User
from portal.accounts.selectors import home_tenant_id
from portal.accounts.token_text import HINT_LENGTH, digest_of, new_token
from portal.audit import services as audit
from portal.core.access import PERMISSIONS, Access
from portal.tenants.models import Tenant

LONGEST: Final = timedelta(days=365)
USUAL: Final = timedelta(days=90)
MOST: Final = 50
"""Tokens that a person, or a Tenant, can have at a time."""


def make_own_token(
    *,
    name: str,
    permissions: Collection[str],
    lifetime: timedelta,
    access: Access,
    actor: User,
    within: Tenant | None = None,
) -> tuple[ApiToken, str]:
    """A token of `actor`'s own; returns it with its text, which is not stored.

    It is worth its scope and what its owner may do whenever it is used, `within` one Tenant's subtree
    if that is given.

    Raises:
        TokenRefused: the caller holds something of the scope nowhere, or has too many tokens.
    """
    missing = [one for one in _in_order(permissions) if not access.tenants_with(one)]
    why_not = ""
    if missing:
        why_not = f"You cannot give a token what you do not hold yourself: {said(missing)}."
    elif within is not None and within.pk not in access.reach():
        why_not = f"You may do nothing in {within}, so a token could not either."
    tenant_id = within.pk if within else home_tenant_id(actor)
    token = ApiToken(name=name, owner=actor, tenant=within, permissions=_in_order(permissions))
    return _make(token, lifetime, actor=actor, tenant_id=tenant_id, why_not=why_not)


def make_tenant_token(
    *,
    tenant: Tenant,
    name: str,
    permissions: Collection[str],
    lifetime: timedelta,
    access: Access,
    actor: User,
) -> tuple[ApiToken, str]:
    """A Tenant's token, which reaches all of its subtree and outlives who made it; with its text.

    Raises:
        TokenRefused: the caller does not manage tokens there, or lacks something of the scope in all of
            the subtree; the Tenant is suspended, or has too many tokens.
    """
    why_not = ""
    missing = lacking(access, permissions, tenant=tenant)
    if not access.allows("token:manage", tenant_id=tenant.pk):
        why_not = f"You may not make tokens of {tenant}."
    elif missing:
        why_not = (
            f"You cannot give {tenant} a token with what you do not hold there and below: {said(missing)}."
        )
    elif tenant.is_suspended or tenant.is_trashed:
        why_not = f"{tenant} is suspended, so its tokens let nobody in. Resume it first."
    token = ApiToken(name=name, tenant=tenant, permissions=_in_order(permissions))
    return _make(token, lifetime, actor=actor, tenant_id=tenant.pk, why_not=why_not)


def revoke_token(token: ApiToken, *, actor: User) -> None:
    """Make a token useless, from the next request on. Does nothing where it is already."""
    with audit.record(
        "token.revoke",
        actor=actor,
        tenant_id=tenant_of(token),
        target=token,
        details=_told(token),
    ):
        ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now())


def tenant_of(token: ApiToken) -> int | None:
    """The Tenant whose readers of the audit read about it."""
    if token.owner is None or token.tenant_id is not None:
        return token.tenant_id
    return home_tenant_id(token.owner)


def _make(
    token: ApiToken, lifetime: timedelta, *, actor: User, tenant_id: int | None, why_not: str
) -> tuple[ApiToken, str]:
    if not timedelta(0) < lifetime <= LONGEST:
        raise ValueError(f"a token lasts up to {LONGEST.days} days, not {lifetime}")
    text = new_token()
    token.token_digest, token.hint = digest_of(text), text[-HINT_LENGTH:]
    token.made_by, token.expires_at = actor, timezone.now() + lifetime
    with audit.record(
        "token.make", actor=actor, tenant_id=tenant_id, details=_told(token), refusals=(TokenRefused,)
    ) as entry:
        if why_not or _has_too_many(token):
            raise TokenRefused(why_not or f"There are {MOST} tokens already. Revoke one that nobody needs.")
        token.save(force_insert=True)
        entry.target = token
    return token, text


def _has_too_many(token: ApiToken) -> bool:
    same = Q(owner=token.owner) if token.owner else Q(owner=None, tenant=token.tenant)
    live = ApiToken.objects.filter(same, revoked_at=None, expires_at__gt=timezone.now())
    return live.count() >= MOST


def _in_order(permissions: Collection[str]) -> list[str]:
    unknown = frozenset(permissions) - PERMISSIONS.keys()
    if unknown or not permissions:
        raise LookupError(f"{sorted(unknown) or 'an empty scope'} is not in the permission table")
    return [one for one in PERMISSIONS if one in permissions]


def _told(token: ApiToken) -> dict[str, object]:
    return {
        "of": str(token.owner or token.tenant),
        "reaches": str(token.tenant or "all that its owner does"),
        "allows": token.permissions,
        "until": token.expires_at.isoformat(timespec="minutes"),
        "ends_in": token.hint,
    }
