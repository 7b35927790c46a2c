"""API tokens in use: whether one lets in, what it is worth, and where it was used from."""

from datetime import timedelta
from typing import Final

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from portal.accounts.access import access_for, reach_of
from portal.accounts.errors import TokenUnusable
from portal.accounts.models import ApiToken
from portal.accounts.token_text import LENGTH, PREFIX, digest_of, is_well_formed
from portal.accounts.tokens import tenant_of
from portal.audit import services as audit
from portal.audit.origin import network_of
from portal.audit.repeats import note_refusal
from portal.core.access import Access

LEEWAY: Final = timedelta(seconds=60)
"""How long a token still lets in after its end, for clocks of web servers that differ."""

STORE_EVERY: Final = timedelta(minutes=1)
"""The use of a token is stored no more often, but for one from a new address."""

MOST_NETWORKS: Final = 50
"""Addresses kept of each token; one that comes again after so many others counts as new."""

SOMEBODY: Final = "Somebody with an unknown API token"


def find_token(text: str) -> ApiToken:
    """The token that is written so, if it still lets in. One query, and none for what cannot be one.

    Raises:
        TokenUnusable: it was never made here, was revoked, has expired, or what it rests on is gone.
    """
    if not is_well_formed(text):
        raise TokenUnusable(
            f"This is no API token of this portal: one begins with {PREFIX} and has {LENGTH} characters."
            " Check that it was copied whole.",
            is_guess=True,
        )
    tokens = ApiToken.objects.select_related("owner", "tenant")
    token = tokens.filter(token_digest=digest_of(text)).first()
    if token is None:
        raise TokenUnusable("This API token is not known here. Make a new one in the portal.")
    why_not = _why_not(token)
    if why_not:
        raise TokenUnusable(why_not, token=token)
    return token


def access_by(token: ApiToken) -> Access:
    """What a token may do now: its scope, of what its owner may do or in its Tenant's subtree.

    One query; none for a Tenant's token of the root.

    Raises:
        TokenUnusable: its owner has no role left that counts.
    """
    if token.owner is not None:
        own = access_for(token.owner, within=token.tenant)
        if not own.reach():
            where = f" in {token.tenant}" if token.tenant else ""
            raise TokenUnusable(
                f"{token.owner}, whose API token this is, holds no role{where} any more.", token=token
            )
        return own.limited_to(token.scope)
    tenant = token.tenant
    assert tenant is not None  # noqa: S101  (the database holds it so)
    return Access(None, dict.fromkeys(token.scope, reach_of(tenant)))


def note_use(token: ApiToken, *, ip: str | None) -> None:
    """Store that a token was just used, at most once a minute; audit its first use from each address."""
    network = network_of(ip)
    if network not in token.networks:
        _note_network(token, network, ip)
    now = timezone.now()
    before = now - STORE_EVERY
    if token.last_used_at is None or token.last_used_at <= before:
        due = ApiToken.objects.filter(Q(last_used_at=None) | Q(last_used_at__lte=before), pk=token.pk)
        due.update(last_used_at=now, last_used_ip=ip)


def note_unusable(error: TokenUnusable, *, ip: str | None) -> None:
    """Count a use that was refused. What was never a token is not worth an entry."""
    token: ApiToken | None = error.token
    if error.is_guess:
        return
    note_refusal(
        "token.refused",
        actor_label=said_of(token) if token else SOMEBODY,
        tenant_id=tenant_of(token) if token else None,
        target=token,
        ip=ip,
        details={"reason": str(error)},
        same=str(token.pk) if token else "",
    )


def said_of(token: ApiToken) -> str:
    """How the audit names a token."""
    return f"API token “{token}” of {token.owner or token.tenant}"


def _why_not(token: ApiToken) -> str:
    if token.revoked_at is not None:
        return "This API token was revoked. Make a new one in the portal."
    if token.expires_at + LEEWAY <= timezone.now():
        return f"This API token expired on {token.expires_at:%Y-%m-%d at %H:%M} UTC. Make a new one."
    if token.owner is not None and not token.owner.is_active:
        return f"The sign-in of {token.owner}, whose API token this is, is closed."
    tenant = token.tenant
    if tenant is not None and tenant.is_trashed:
        return f"{tenant}, to which this API token belongs, was deleted."
    if tenant is not None and tenant.is_suspended and token.owner is None:
        return f"{tenant}, whose API token this is, is suspended. The token works again when it is resumed."
    return ""


def _note_network(token: ApiToken, network: str, ip: str | None) -> None:
    with transaction.atomic():
        held = ApiToken.objects.select_for_update(of=("self",)).filter(pk=token.pk).first()
        if held is None or network in held.networks:
            return
        held.networks = [*held.networks, network][-MOST_NETWORKS:]
        held.last_used_at, held.last_used_ip = timezone.now(), ip
        held.save(update_fields=["networks", "last_used_at", "last_used_ip"])
        token.last_used_at = held.last_used_at
    audit.note(
        "token.new_address",
        audit.DONE,
        actor=token.owner,
        actor_label="" if token.owner else said_of(token),
        tenant_id=tenant_of(token),
        target=token,
        ip=ip,
    )
