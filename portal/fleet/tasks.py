"""Background reads of User Profiles and Devices: one task per server."""

import structlog
from celery import shared_task

import comet
from portal.core.encryption import SecretUnreadable
from portal.fleet.sync import sync_connections
from portal.servers import clients
from portal.servers.models import CometServer
from portal.servers.selectors import list_syncable_servers
from portal.servers.services import start_sync

log = structlog.get_logger(__name__)


@shared_task(soft_time_limit=30, time_limit=60)  # seconds
def poll_connections() -> None:
    """Queue reading which Devices are connected, for each server."""
    for server in list_syncable_servers():
        poll_server_connections.apply_async([server.pk], expires=55)


@shared_task(soft_time_limit=50, time_limit=60)  # seconds
def poll_server_connections(server_id: int) -> None:
    """Read which Devices of one server are connected now. Safe to run twice."""
    server = CometServer.objects.filter(pk=server_id, unlinking_at=None).first()
    if server is None:
        return
    try:
        sync_connections(server, clients.for_server(server, purpose="poll"))
    except (comet.CometError, SecretUnreadable, LookupError) as error:
        log.warning("fleet.connections_failed", server_id=server_id, error=str(error))


@shared_task(soft_time_limit=300, time_limit=360)  # seconds
def sync_all_servers() -> None:
    """Start the nightly full sync of each server that is not in one already."""
    for server in list_syncable_servers():
        start_sync(server=server, user=None)
