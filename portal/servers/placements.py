"""Which Tenant what a Comet Server holds belongs to."""

from collections.abc import Iterable

from django.db import transaction

from portal.servers.models import SERVER_ITSELF, TOP_LEVEL, CometServer, Placement


def lock_server(server: CometServer) -> None:
    """Wait for other writers of this server's rows, until the caller's transaction ends.

    What is worked out from stored rows (roll-ups, vanished rows) must not be worked out twice at once.
    """
    CometServer.objects.select_for_update(no_key=True).filter(pk=server.pk).values_list("pk").first()


class Placements:
    """The placements of one server, by what Comet says of a User Profile.

    An organization met for the first time is placed at the server's owner and marked as unmapped.
    """

    def __init__(self, server: CometServer) -> None:
        self._server = server
        self._by_key = {
            (placement.organization_id, placement.username): placement
            for placement in Placement.objects.filter(server=server)
        }

    def of_profile(self, organization_id: str, username: str) -> Placement:
        """Where a User Profile belongs: by hand if somebody placed it, else with its organization."""
        by_hand = self._by_key.get((organization_id, username))
        return by_hand or self.of_organization(organization_id)

    def of_organization(self, organization_id: str) -> Placement:
        placement = self._by_key.get((organization_id, ""))
        if placement is None:
            placement, _ = Placement.objects.get_or_create(
                server=self._server,
                organization_id=organization_id,
                username="",
                defaults={
                    "tenant_id": self._server.tenant_id,
                    "is_unmapped": organization_id != SERVER_ITSELF,
                },
            )
            self._by_key[organization_id, ""] = placement
        return placement

    def of_server(self) -> Placement:
        """For what concerns the server as a whole; always its owner's."""
        return self.of_organization(SERVER_ITSELF)

    def tenant_ids(self) -> dict[int, int]:
        """Placement -> the Tenant that owns it."""
        return {placement.pk: placement.tenant_id for placement in self._by_key.values()}


def ensure_placements(server: CometServer, organization_ids: Iterable[str]) -> Placements:
    """The server's placements, with one for itself, its top level and each organization."""
    with transaction.atomic():
        placements = Placements(server)
        for organization_id in (SERVER_ITSELF, TOP_LEVEL, *organization_ids):
            placements.of_organization(organization_id)
    return placements
