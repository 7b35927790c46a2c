"""People of suspended and trashed Tenants: what they have open ends, and they are not let in again."""

from collections.abc import Collection, Sequence
from typing import Any

from allauth.usersessions.models import UserSession
from django.dispatch import receiver

from portal.accounts.models import Invitation, Membership, User
from portal.accounts.sessions import end_sessions
from portal.accounts.signals import role_taken
from portal.core.events import publish
from portal.tenants.models import Tenant
from portal.tenants.signals import tenant_purging, tenants_closed


@receiver(tenants_closed)
def end_what_rested_on(tenant_ids: Collection[int], **_: Any) -> None:
    """Sign out who has no role elsewhere; others lose what came through these Tenants.

    Sign-ins into Comet end for all of them: which one rested on which role is not kept. Some queries for
    all, and few more for each who is signed in.
    """
    people = User.objects.filter(memberships__tenant__in=tenant_ids).distinct()
    signed_in = set(UserSession.objects.filter(user__in=people).values_list("user_id", flat=True))
    for user in people.prefetch_related("memberships__tenant"):
        role_taken.send(Membership, user=user)
        if user.pk in signed_in and _closed_to([held.tenant for held in user.memberships.all()]) is not None:
            end_sessions(user)
        else:
            publish("access.changed", tenant_id=None, user=user.pk)


@receiver(tenant_purging)
def delete_whose_roles_go(tenant: Tenant, **_: Any) -> None:
    """People who had no role but there go with it: nothing is left that they could sign in to.

    So do their invitations, which are worth what they may give.
    """
    there = User.objects.filter(memberships__tenant__path__startswith=tenant.path)
    elsewhere = Membership.objects.exclude(tenant__path__startswith=tenant.path).values("user")
    going = User.objects.filter(pk__in=there.values("pk")).exclude(pk__in=elsewhere)
    Invitation.objects.filter(invited_by__in=going, accepted_at=None).delete()
    going.delete()


def closed_to(user: User) -> Tenant | None:
    """The Tenant for whose sake nobody with these roles is let in; None where a role still counts.

    Somebody without any role is let in, and told so by the pages.
    """
    return _closed_to([membership.tenant for membership in user.memberships.select_related("tenant")])


def _closed_to(tenants: Sequence[Tenant]) -> Tenant | None:
    if all(tenant.is_suspended or tenant.is_trashed for tenant in tenants):
        return tenants[0] if tenants else None
    return None
