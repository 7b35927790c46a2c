"""Finds the doors somebody may take, and what he has opened."""

from typing import Any

from django.http import Http404

from portal.core.access import Access
from portal.fleet.models import UserProfile
from portal.servers.models import SERVER_ITSELF, TOP_LEVEL, CometServer, Organization, Placement
from portal.sso.doors import PERMISSIONS, Door
from portal.sso.models import Launch

Kind = Launch.Kind


def get_server_door(access: Access, pk: int) -> Door:
    """The door of a server's administrator: for who holds `server:admin` where the server belongs.

    Raises:
        Http404: no such server, or not to be seen.
        PermissionDenied: it may be seen and not administered.
    """
    server = CometServer.objects.get_for(access, "server:view", act=PERMISSIONS[Kind.SERVER_ADMIN], pk=pk)
    return Door(Kind.SERVER_ADMIN, server.tenant_id, server)


def get_organization_door(access: Access, server_pk: int, pk: int) -> Door:
    """The door of an organization's administrator: for who holds `sso:tenant` where it is placed.

    Raises:
        Http404: no such organization, or placed where the caller sees nothing.
        PermissionDenied: it may be seen and not administered.
    """
    organization = Organization.objects.select_related("server").filter(server_id=server_pk, pk=pk).first()
    if organization is None or organization.organization_id in (TOP_LEVEL, SERVER_ITSELF):
        raise Http404("No organization matches.")
    placement = Placement.objects.get_for(
        access,
        "device:view",
        act=PERMISSIONS[Kind.TENANT_ADMIN],
        server_id=server_pk,
        organization_id=organization.organization_id,
        username="",
    )
    return Door(Kind.TENANT_ADMIN, placement.tenant_id, organization.server, organization)


def get_user_door(access: Access, pk: int) -> Door:
    """The door of an end user: for who holds `sso:user` where the User Profile is placed.

    Raises:
        Http404: no such User Profile, or not to be seen.
        PermissionDenied: it may be seen and not acted for.
    """
    profile = UserProfile.objects.select_related("server", "placement").get_for(
        access, "user:view", act=PERMISSIONS[Kind.END_USER], pk=pk
    )
    organization = None
    if profile.organization_id != TOP_LEVEL:
        organization = Organization.objects.filter(
            server=profile.server, organization_id=profile.organization_id
        ).first()
    return Door(Kind.END_USER, profile.tenant_id, profile.server, organization, profile)


def get_launch(access: Access, user: Any, portal_session: str, pk: Any) -> Launch:
    """A launch of this very person and browser session, who may still do it.

    Raises:
        Http404: there is none, it is somebody else's, or from another session.
        PermissionDenied: the permission was taken away meanwhile.
    """
    launch = (
        Launch.objects.select_related("server", "organization", "profile")
        .filter(pk=pk, user=user, portal_session=portal_session)
        .first()
    )
    if launch is None:
        raise Http404("No sign-in matches.")
    access.require(PERMISSIONS[Kind(launch.kind)], tenant_id=launch.tenant_id)
    return launch


def list_open(user: Any) -> list[Launch]:
    """What `user` has open now, from any browser session."""
    live = Launch.objects.filter(user=user, state__in=[Launch.State.ISSUED, Launch.State.OPEN])
    return list(live.select_related("server", "organization").order_by("issued_at"))


def get_own(user: Any, pk: Any) -> Launch:
    """A launch of `user` from any browser session, to be ended.

    Raises:
        Http404: there is none, or it is somebody else's.
    """
    launch = Launch.objects.filter(pk=pk, user=user).first()
    if launch is None:
        raise Http404("No sign-in matches.")
    return launch
