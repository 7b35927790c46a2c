"""Changes to people: invitations, roles, their own settings."""

import hashlib
import secrets
from datetime import timedelta
from typing import Final

from django.db import transaction
from django.utils import timezone

from portal.accounts.access import access_for
from portal.accounts.errors import InvitationUnusable, RoleRefused
from portal.accounts.models import Invitation, Membership, User
from portal.accounts.selectors import grantable_roles
from portal.accounts.signals import role_taken
from portal.audit import services as audit
from portal.core.access import Access
from portal.core.events import publish
from portal.tenants.models import Tenant

INVITATION_LIFETIME: Final = timedelta(days=7)


def digest_of(token: str) -> str:
    """What is stored of an invitation's token: its SHA-256 in hexadecimal."""
    return hashlib.sha256(token.encode()).hexdigest()


def invite(
    *, tenant: Tenant, role: str, email: str = "", access: Access | None, invited_by: User | None
) -> tuple[Invitation, str]:
    """Make an invitation; returns it with its token, which is shown once and not stored.

    `access` is the inviter's; None only for `manage.py setup`, which has no inviter.

    Raises:
        RoleRefused: the inviter does not hold everything that role grants in that Tenant.
    """
    if access is not None:
        _require_grantable(access, tenant=tenant, role=role)
    token = secrets.token_urlsafe(32)
    details = {"role": role, "email": email}
    with audit.record("person.invite", actor=invited_by, tenant_id=tenant.pk, target=tenant, details=details):
        invitation = Invitation.objects.create(
            tenant=tenant,
            role=role,
            email=email.lower(),
            token_digest=digest_of(token),
            invited_by=invited_by,
            expires_at=timezone.now() + INVITATION_LIFETIME,
        )
    return invitation, token


def get_invitation(token: str) -> Invitation:
    """The invitation of a link.

    Raises:
        InvitationUnusable: unknown, used, expired, or of somebody who could not make it any more.
    """
    invitations = Invitation.objects.select_related("tenant", "invited_by", "custom_role")
    invitation = invitations.filter(token_digest=digest_of(token)).first()
    if invitation is None:
        raise InvitationUnusable("This invitation link is not known. Ask for a new one.")
    if invitation.accepted_at is not None:
        raise InvitationUnusable("This invitation was used already. Sign in instead.")
    if invitation.expires_at <= timezone.now():
        raise InvitationUnusable("This invitation has expired. Ask for a new one.")
    inviter = invitation.invited_by
    if inviter is not None and not _may_grant(access_for(inviter), invitation.tenant, invitation.role):
        raise InvitationUnusable("Whoever invited you may not give this role any more. Ask for a new one.")
    return invitation


def accept_invitation(token: str, *, email: str, name: str, password: str) -> User:
    """Make the person and the role of an invitation, which is used up.

    Raises:
        InvitationUnusable: unknown, used, expired, or the address has a sign-in already.
    """
    with transaction.atomic():
        invitation = get_invitation(token)
        used = Invitation.objects.filter(pk=invitation.pk, accepted_at=None).update(
            accepted_at=timezone.now()
        )
        if not used:
            raise InvitationUnusable("This invitation was used already. Sign in instead.")
        email = (invitation.email or email).lower()
        if User.objects.filter(email=email).exists():
            raise InvitationUnusable(
                "This address has a sign-in already. Ask whoever invited you to add the role to it."
            )
        user = User.objects.create_user(email, password, name=name)
        Membership.objects.create(user=user, tenant=invitation.tenant, role=invitation.role)
        Invitation.objects.filter(pk=invitation.pk).update(accepted_by=user)
    details = {"role": invitation.role}
    with audit.record(
        "person.join", actor=user, tenant_id=invitation.tenant_id, target=invitation.tenant, details=details
    ):
        publish("access.changed", tenant_id=invitation.tenant_id, user=user.pk)
    return user


def revoke_invitation(invitation: Invitation, *, actor: User) -> None:
    """Make an invitation's link useless."""
    with audit.record(
        "person.uninvite", actor=actor, tenant_id=invitation.tenant_id, target=invitation.tenant
    ):
        invitation.delete()


def remove_membership(membership: Membership, *, access: Access, actor: User) -> None:
    """Take a role away; the person's open pages lose it at once.

    Raises:
        RoleRefused: the caller could not have given it, or nobody would own the Tenant.
    """
    _require_grantable(access, tenant=membership.tenant, role=membership.role)
    owners = Membership.objects.filter(tenant=membership.tenant, role="owner", user__is_active=True)
    if membership.role == "owner" and owners.count() == 1:
        raise RoleRefused(f"{membership.tenant} needs an owner. Make somebody else owner first.")
    details = {"role": membership.role, "person": membership.user.email}
    with audit.record(
        "person.role-remove",
        actor=actor,
        tenant_id=membership.tenant_id,
        target=membership.user,
        details=details,
    ):
        user = membership.user
        membership.delete()
        publish("access.changed", tenant_id=membership.tenant_id, user=user.pk)
        role_taken.send(Membership, user=user)


def _may_grant(access: Access, tenant: Tenant, role: str) -> bool:
    return role in {one.value for one in grantable_roles(access, tenant_id=tenant.pk)}


def _require_grantable(access: Access, *, tenant: Tenant, role: str) -> None:
    if not _may_grant(access, tenant, role):
        raise RoleRefused(
            f"You cannot give or take the role {role} in {tenant}: it holds more than you do there."
        )
