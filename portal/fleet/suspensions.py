"""Users of suspended Tenants on their Comet Servers: suspended there, and later resumed, by Operations.

What was suspended before stays so when the Tenant is resumed: the portal remembers whom it suspended
itself, and remembers it before it asks the server, so that a lost answer is no lost memory.
"""

from typing import Any

import comet
from comet.profiles import Change, edit_profile
from comet.types import UserProfileConfig
from portal.core.access import Access
from portal.core.querysets import TenantQuerySet
from portal.fleet.models import Suspension, UserProfile
from portal.operations import services as operations
from portal.operations.errors import ItemFailed
from portal.operations.models import Operation, OperationItem
from portal.operations.progress import Progress
from portal.operations.registry import Done, operation
from portal.operations.services import Target
from portal.servers import clients
from portal.tenants.comet_users import CometUsers
from portal.tenants.models import Tenant

SUSPENDS = "user:suspend"


def to_suspend(tenant: Tenant, access: Access) -> TenantQuerySet[UserProfile]:
    """User Profiles placed with a Tenant or below it that can still sign in at their servers."""
    return _users_of(tenant, access).filter(is_suspended=False)


def to_resume(tenant: Tenant, access: Access) -> TenantQuerySet[UserProfile]:
    """Those of them that the portal suspended."""
    return _users_of(tenant, access).filter(suspension__isnull=False)


def start_suspending(tenant: Tenant, access: Access, user: Any, ip: str | None) -> Operation | None:
    """Suspend the users of a suspended Tenant; None where there are none."""
    return _start("user.suspend", "Suspend", tenant, to_suspend(tenant, access), user, ip)


def start_resuming(tenant: Tenant, access: Access, user: Any, ip: str | None) -> Operation | None:
    """Resume those that the portal suspended; None where there are none."""
    return _start("user.resume", "Resume", tenant, to_resume(tenant, access), user, ip)


COMET_USERS = CometUsers(
    to_suspend=lambda tenant, access: to_suspend(tenant, access).count(),
    to_resume=lambda tenant, access: to_resume(tenant, access).count(),
    suspend=start_suspending,
    resume=start_resuming,
)


@operation("user.suspend", permission=SUSPENDS, repeatable=True)
def suspend_user(item: OperationItem, progress: Progress) -> Done:
    """Suspend one user on his Comet Server: no sign-in, no backup. Nothing he has is deleted.

    Raises:
        ItemFailed: the user is gone, or belongs to another Tenant by now.
        comet.CometError: the Comet Server refused or did not answer.

    Source: Comet Server API, AdminSetUserProfileHash (UserProfileConfig.IsSuspended).
    """
    profile = _profile(item)
    if not profile.placement.tenant.is_suspended:
        return Done(text="Left as it is: the tenant is not suspended any more.")
    was_ours = Suspension.objects.filter(profile=profile).exists()

    def suspend(found: UserProfileConfig) -> None:
        if not found.is_suspended:
            Suspension.objects.get_or_create(profile=profile)
            found.is_suspended = True

    try:
        changed = _write(profile, suspend, suspended=True)
    except comet.APIError as error:
        if not was_ours and not isinstance(error, comet.ServerError):
            Suspension.objects.filter(profile=profile).delete()
        raise
    return Done({"changed": changed}, "Suspended" if changed or was_ours else "Was suspended already")


@operation("user.resume", permission=SUSPENDS, repeatable=True)
def resume_user(item: OperationItem, progress: Progress) -> Done:
    """Let one user sign in and back up again, if it was the portal that suspended him.

    Raises:
        ItemFailed: the user is gone, or belongs to another Tenant by now.
        comet.CometError: the Comet Server refused or did not answer.

    Source: Comet Server API, AdminSetUserProfileHash (UserProfileConfig.IsSuspended).
    """
    profile = _profile(item)
    if profile.placement.tenant.is_suspended:
        return Done(text="Stays suspended: so is the tenant.")
    if not Suspension.objects.filter(profile=profile).exists():
        return Done(text="Left as it is: the portal did not suspend it.")

    def resume(found: UserProfileConfig) -> None:
        found.is_suspended = False

    changed = _write(profile, resume, suspended=False)
    Suspension.objects.filter(profile=profile).delete()
    return Done({"changed": changed}, "Resumed" if changed else "Was resumed already")


def _write(profile: UserProfile, change: Change, *, suspended: bool) -> bool:
    """Write the change to the Comet Server, then to our copy; whether the server's was another."""
    edited = edit_profile(clients.for_server(profile.server), profile.username, change)
    # Without its digest the next full sync reads the profile again, whatever else changed in it.
    UserProfile.objects.filter(pk=profile.pk).update(is_suspended=suspended, digest=None)
    return edited.was_written


def _profile(item: OperationItem) -> UserProfile:
    rows = UserProfile.objects.select_related("server", "placement__tenant")
    profile = rows.filter(pk=item.target_id).first()
    if profile is None:
        raise ItemFailed(f"{item.label} is not there any more.")
    if profile.tenant_id != item.tenant_id:
        raise ItemFailed(f"{item.label} belongs to another tenant by now.")
    return profile


def _users_of(tenant: Tenant, access: Access) -> TenantQuerySet[UserProfile]:
    return UserProfile.objects.visible_to(access, SUSPENDS).filter(
        placement__tenant__path__startswith=tenant.path
    )


def _start(
    kind: str, verb: str, tenant: Tenant, profiles: Any, user: Any, ip: str | None
) -> Operation | None:
    targets = [
        Target(
            type="user_profile",
            id=profile.pk,
            label=profile.username,
            tenant_id=profile.tenant_id,
            server_name=profile.server.name,
        )
        for profile in profiles.select_related("server", "placement").order_by("server__name", "username")
    ]
    if not targets:
        return None
    users = f"{len(targets)} user{'s' if len(targets) > 1 else ''}"
    return operations.start(
        kind, title=f"{verb} {users} of {tenant}", tenant_id=tenant.pk, user=user, targets=targets, ip=ip
    )
