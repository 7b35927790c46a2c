"""Changes to people: invitations, roles, their own settings."""

import hashlib
import secrets
from datetime import timedelta
from typing import Final

from django.db import transaction
from django.utils import timezone

from portal.accounts.access import access_for
from portal.accounts.errors import InvitationUnusable, RoleRefused
from portal.accounts.grants import RoleChoice, may_grant, require_grantable
from portal.accounts.models import CustomRole, Invitation, Membership, User
from portal.accounts.refusals import note_unusable_invitation
from portal.accounts.selectors import home_tenant_id
from portal.audit import services as audit
from portal.audit.changes import changes, snapshot
from portal.core.access import Access
from portal.core.events import publish
from portal.tenants.models import Tenant

INVITATION_LIFETIME: Final = timedelta(days=7)

CLOCK_LEEWAY: Final = timedelta(minutes=2)
"""For so long after its end a link still works: machines' clocks differ by some seconds."""


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
    token = secrets.token_urlsafe(32)
    with audit.record(
        "person.invite",
        actor=invited_by,
        tenant_id=tenant.pk,
        target=tenant,
        details={"role": role.name, "email": email},
        refusals=(RoleRefused,),
    ):
        if access is not None:
            require_grantable(access, role, tenant=tenant)
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
    return _usable(digest_of(token))


def _usable(digest: str) -> Invitation:
    invitations = Invitation.objects.select_related("tenant", "invited_by", "custom_role__tenant")
    invitation = invitations.filter(token_digest=digest).first()
    if invitation is None:
        raise InvitationUnusable("This invitation link is not known. Ask for a new one.")
    if invitation.accepted_at is not None:
        raise InvitationUnusable("This invitation was used already. Sign in instead.")
    if invitation.expires_at + CLOCK_LEEWAY <= timezone.now():
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


def accept_invitation(token: str, *, email: str, name: str, password: str | None) -> User:
    """Make the person and the role of an invitation, which is used up.

    Raises:
        InvitationUnusable: unknown, used, expired, or the address has a sign-in already.
    """
    with transaction.atomic():
        invitation = _use_up(digest_of(token))
        email = (invitation.email or email).lower()
        if User.objects.filter(email=email).exists():
            raise InvitationUnusable("Sign in with this address, then open the link again.")
        user = User.objects.create_user(email, password, name=name)
        _give_role(invitation, user)
    _tell_joined(invitation, user)
    return user


def accept_as(user: User, token: str) -> Invitation:
    """Give somebody who is here already the role of an invitation, which is used up.

    Raises:
        InvitationUnusable: unknown, used, expired, or for another address.
    """
    with transaction.atomic():
        invitation = _use_up(digest_of(token))
        if invitation.email and invitation.email != user.email:
            raise InvitationUnusable("This invitation is for another address.")
        _give_role(invitation, user)
    _tell_joined(invitation, user)
    return invitation


def accept_by_verified_mail(email: str, *, name: str) -> User:
    """Let somebody in whose address was verified by the company's provider, by his latest invitation.

    He has no password; the provider stands for it.

    Raises:
        InvitationUnusable: there is none for this address that can still be used.
    """
    waiting = Invitation.objects.filter(email=email, accepted_at=None).order_by("-created_at").first()
    if waiting is None:
        raise InvitationUnusable("There is no invitation for this address.")
    with transaction.atomic():
        invitation = _use_up(waiting.token_digest)
        user = User.objects.create_user(email, None, name=name[:120] or email.partition("@")[0])
        _give_role(invitation, user)
    _tell_joined(invitation, user)
    return user


def _use_up(digest: str) -> Invitation:
    """The invitation of a link, used from now on if the transaction around is committed."""
    promised = CustomRole.objects.filter(invitations__token_digest=digest)
    list(promised.select_for_update(of=("self",), no_key=True))  # nobody adds to it meanwhile
    invitation = _usable(digest)
    if not Invitation.objects.filter(pk=invitation.pk, accepted_at=None).update(accepted_at=timezone.now()):
        raise InvitationUnusable("This invitation was used already. Sign in instead.")
    return invitation


def _give_role(invitation: Invitation, user: User) -> None:
    Membership.objects.get_or_create(
        user=user,
        tenant=invitation.tenant,
        **RoleChoice.of(invitation).columns,
        defaults={"granted_by": invitation.invited_by},
    )
    Invitation.objects.filter(pk=invitation.pk).update(accepted_by=user)


def _tell_joined(invitation: Invitation, user: User) -> None:
    details = {"role": invitation.role_name}
    with audit.record(
        "person.join", actor=user, tenant_id=invitation.tenant_id, target=invitation.tenant, details=details
    ):
        publish("access.changed", tenant_id=invitation.tenant_id, user=user.pk)


def change_settings(user: User) -> None:
    """Store the name, time zone and theme that `user` holds now."""
    fields = ("name", "time_zone", "theme")
    stored = User.objects.get(pk=user.pk)
    with audit.record("person.edit", actor=stored, tenant_id=home_tenant_id(user), target=stored) as entry:
        user.save(update_fields=fields)
        entry.details = changes(snapshot(stored, *fields), snapshot(user, *fields))


def revoke_invitation(invitation: Invitation, *, actor: User) -> None:
    """Make an invitation's link useless."""
    with audit.record(
        "person.uninvite", actor=actor, tenant_id=invitation.tenant_id, target=invitation.tenant
    ):
        invitation.delete()
