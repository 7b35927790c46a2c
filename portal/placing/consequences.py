"""What ends when placements change hands: pages that show them, and sign-ins that rested on them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from portal.accounts.access import access_for
from portal.core.access import Access
from portal.core.events import Fact, publish_all
from portal.placing.sight import Sight
from portal.servers.models import Placement
from portal.servers.placements import Moved
from portal.sso import services as sso
from portal.sso.doors import PERMISSIONS
from portal.sso.models import Launch

BECAUSE: Final = "placed elsewhere"


def follow_up(moved: Sequence[Moved]) -> None:
    """End sign-ins into Comet that nobody may have any more; have open pages read their grants again."""
    going = {one.placement.pk: one.placement.tenant_id for one in moved}
    for launch, tenant_id in open_launches(going, {}):
        if may_stay(launch, tenant_id):
            Launch.objects.filter(pk=launch.pk).update(tenant=tenant_id)  # what it rests on from now on
        else:
            sso.end(launch, because=BECAUSE)
    pairs = [(one.tenant_id_before, one.placement.tenant_id) for one in moved]
    sight = Sight({tenant_id for pair in pairs for tenant_id in pair}, access=None)
    publish_all(
        Fact("access.changed", None, {"user": user_id})
        for user_id in sorted(sight.gaining(pairs) | sight.losing(pairs))
    )


def open_launches(placements: Mapping[int, int], profiles: Mapping[int, int]) -> list[tuple[Launch, int]]:
    """Sign-ins open now that rest on what goes elsewhere (id -> Tenant), each with where that goes."""
    live = list(
        Launch.objects.filter(
            state__in=[Launch.State.ISSUED, Launch.State.OPEN],
            kind__in=[Launch.Kind.TENANT_ADMIN, Launch.Kind.END_USER],
        ).select_related("user", "organization", "profile")
    )
    servers = {launch.server_id for launch in live if launch.profile is None}
    organizations = {
        (server_id, organization_id): pk
        for pk, server_id, organization_id in Placement.objects.filter(
            server__in=servers, username=""
        ).values_list("pk", "server_id", "organization_id")
    }
    found = []
    for launch in live:
        profile, organization = launch.profile, launch.organization
        if profile is not None:
            tenant_id = profiles.get(profile.pk) or placements.get(profile.placement_id)
        elif organization is not None:
            key = launch.server_id, organization.organization_id
            tenant_id = placements.get(organizations.get(key, 0))
        else:
            tenant_id = None
        if tenant_id is not None:
            found.append((launch, tenant_id))
    return found


def may_stay(launch: Launch, tenant_id: int) -> bool:
    """Whether its person may have such a sign-in also in this Tenant."""
    access: Access = access_for(launch.user)
    return access.allows(PERMISSIONS[Launch.Kind(launch.kind)], tenant_id=tenant_id)


def count_ending(launches: Iterable[tuple[Launch, int]]) -> int:
    return sum(not may_stay(launch, tenant_id) for launch, tenant_id in launches)
