"""Who may write what a server reports: whoever holds its lease, as long as it is linked."""

from portal.core.prepared import Prepared, PreparedModels
from portal.live.models import StreamLease
from portal.servers.models import CometServer

_leases = Prepared(
    lambda server, fence: (
        StreamLease.objects.select_for_update().filter(server=server, fence=fence).values_list("pk")
    )
)
_servers = PreparedModels(
    CometServer, lambda pk: CometServer.objects.select_for_update(no_key=True).filter(pk=pk).order_by()
)


class Fenced(Exception):
    """The lease is another relay's by now, or the server was unlinked: nothing may be written."""


def locked_server(server_id: int) -> CometServer:
    """The server, locked as a batch of its stream would lock it, so that the two never match at once."""
    StreamLease.objects.get_or_create(server_id=server_id)
    StreamLease.objects.select_for_update().get(server_id=server_id)
    server = next(iter(_servers.rows(server_id)), None)
    if server is None or server.unlinking_at is not None:
        raise Fenced(f"server {server_id} was unlinked")
    return server


def server_under(server_id: int, fence: int) -> CometServer:
    """The server, locked, while `fence` is its lease's; no other relay gets the lease until the commit."""
    if not _leases(server_id, fence):
        raise Fenced(f"the stream of server {server_id} is not held with fence {fence}")
    (server,) = _servers.rows(server_id)
    return server
