"""Changes to people: invitations, roles, their own settings."""

import hashlib
import secrets
from datetime import timedelta
from typing import Final

from django.db import transaction
from django.utils import timezone

from portal.accounts.access import access_for
from portal.accounts.errors import InvitationUnusable
from portal.accounts.grants import RoleChoice, may_grant, require_grantable
from portal.accounts.models import CustomRole, Invitation, Membership, User
from portal.accounts.refusals import note_unusable_invitation
from portal.audit import services as audit
from portal.core.access import Access
from portal.core.events import publish
from portal.tenants.models import Tenant

INVITATION_LIFETIME: Final = timedelta(days=7)


def digest_of(token: str) -> str:
    """What is stored of an invitation's token: its SHA-256 in hexadecimal."""
    return hashlib.sha256(token.encode()).hexdigest()


def invite(
    *, tenant: Tenant, role: RoleChoice, email: str = "", access: Access | None, invited_by: User | None
) -> tuple[Invitation, str]:
    """Make an invitation; returns it with its token, which is shown once and not stored.

    `access` is the inviter's; None only for `manage.py setup`, which has no inviter.

    Raises:
        RoleRefused: the inviter does not hold everything that role grants in that Tenant.
    """
    if access is not None:
        require_grantable(access, role, tenant=tenant)
    token = secrets.token_urlsafe(32)
    details = {"role": role.name, "email": email}
    with audit.record("person.invite", actor=invited_by, tenant_id=tenant.pk, target=tenant, details=details):
        invitation = Invitation.objects.create(
            tenant=tenant,
            **role.columns,
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
    invitations = Invitation.objects.select_related("tenant", "invited_by", "custom_role__tenant")
    invitation = invitations.filter(token_digest=digest_of(token)).first()
    if invitation is None:
        raise InvitationUnusable("This invitation link is not known. Ask for a new one.")
    if invitation.accepted_at is not None:
        raise InvitationUnusable("This invitation was used already. Sign in instead.")
    if invitation.expires_at <= timezone.now():
        raise InvitationUnusable("This invitation has expired. Ask for a new one.")
    if invitation.tenant.is_suspended or invitation.tenant.is_trashed:
        raise InvitationUnusable(
            f"{invitation.tenant} is suspended. The link works again when it is resumed, until it expires."
        )
    inviter = invitation.invited_by
    role = RoleChoice.of(invitation)
    if inviter is not None and not may_grant(access_for(inviter), role, tenant=invitation.tenant):
        raise InvitationUnusable("Whoever invited you may not give this role any more. Ask for a new one.")
    return invitation


def note_unusable(token: str, error: InvitationUnusable) -> None:
    """Put into the audit that somebody came with a link that lets nobody in."""
    invitations = Invitation.objects.select_related("tenant")
    note_unusable_invitation(invitations.filter(token_digest=digest_of(token)).first(), error)


def accept_invitation(token: str, *, email: str, name: str, password: str) -> User:
    """Make the person and the role of an invitation, which is used up.

    Raises:
        InvitationUnusable: unknown, used, expired, or the address has a sign-in already.
    """
    with transaction.atomic():
        promised = CustomRole.objects.filter(invitations__token_digest=digest_of(token))
        list(promised.select_for_update(of=("self",), no_key=True))  # nobody adds to it meanwhile
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
        Membership.objects.create(
            user=user,
            tenant=invitation.tenant,
            granted_by=invitation.invited_by,
            **RoleChoice.of(invitation).columns,
        )
        Invitation.objects.filter(pk=invitation.pk).update(accepted_by=user)
    details = {"role": invitation.role_name}
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
