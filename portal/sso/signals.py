"""Ends what somebody opened when he signs out, loses a role, has a session ended, or when it moves away."""

from typing import Any

from django.contrib.auth.signals import user_logged_out
from django.dispatch import receiver
from django.http import HttpRequest

from portal.accounts.access import access_for
from portal.accounts.models import User
from portal.accounts.sessions import sessions_ended
from portal.accounts.signals import role_taken
from portal.sso import services
from portal.sso.doors import PERMISSIONS
from portal.sso.models import Launch
from portal.tenants.models import Tenant
from portal.tenants.signals import tenant_moved


@receiver(user_logged_out)
def end_launches(request: HttpRequest, user: Any, **_: Any) -> None:
    if user is not None and request.session.session_key:
        digest = services.session_digest(request.session.session_key)
        services.end_of_session(user, digest, because="sign-out")


@receiver(role_taken)
def end_all_launches(user: User, **_: Any) -> None:
    """All of them: which door rested on which role is not kept."""
    services.end_all(list(user.launches.values_list("pk", flat=True)), because="role taken away")


@receiver(sessions_ended)
def end_launches_of_sessions(user: User, session_keys: list[str], **_: Any) -> None:
    for key in session_keys:
        services.end_of_session(user, services.session_digest(key), because="session ended")


@receiver(tenant_moved)
def end_launches_of_former_parents(tenant: Tenant, **_: Any) -> None:
    """Sign-ins into what moved, of whoever may not have them where it is now."""
    live = Launch.objects.filter(
        state__in=[Launch.State.ISSUED, Launch.State.OPEN], tenant__path__startswith=tenant.path
    ).select_related("user")
    for launch in live:
        permission = PERMISSIONS[Launch.Kind(launch.kind)]
        if not access_for(launch.user).allows(permission, tenant_id=launch.tenant_id):
            services.end(launch, because="tenant moved")
