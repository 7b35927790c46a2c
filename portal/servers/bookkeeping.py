"""What is noted of a Comet Server whenever it tells something about itself."""

from collections.abc import Mapping
from datetime import datetime

import structlog
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from comet.types import Organization as WireOrganization
from comet.types import ServerMetaVersionInfo
from portal.core.events import publish
from portal.core.wire import SMALL, clip, is_key, moment, natural
from portal.servers.addresses import is_host_name
from portal.servers.models import CometServer, Organization
from portal.servers.placements import ensure_placements

log = structlog.get_logger(__name__)


def note_version(server: CometServer, version: ServerMetaVersionInfo, *, posted: bool = False) -> bool:
    """Store version, licence, clock drift and restarts; from AdminMetaVersion or the stream's first event.

    Gives whether the server has restarted since it last said so, which ServerStartHash tells. The drift
    is its clock minus ours, in milliseconds, as coarse as Comet's clock in whole seconds.

    What was `posted` may come hours late, and again: its clock tells no drift, and where the server is known
    to have started later it changes nothing. An answer is of now, also after a clock was set back.
    """
    now, started_at = timezone.now(), moment(version.server_start_time)
    if posted and _started_later(server, started_at):
        return False
    start_hash = clip(version.server_start_hash, 128)
    other_start = CometServer.objects.filter(pk=server.pk).exclude(start_hash__in=["", start_hash])
    restarted = other_start.update(restarts=F("restarts") + 1, start_hash=start_hash)  # once, whoever saw it
    server.version = clip(version.version, 40)
    server.start_hash = start_hash
    server.started_at = started_at
    told_at = moment(version.current_time)
    if told_at is not None and not posted:
        server.clock_drift_ms = int((told_at - now.replace(microsecond=0)).total_seconds() * 1000)
    server.devices_configured = natural(version.configured_devices, SMALL)
    server.device_limit = natural(version.server_license_limit.device_count, SMALL)
    server.license_valid_until = moment(version.license_valid_until)
    server.save(
        update_fields=[
            "version",
            "start_hash",
            "started_at",
            "clock_drift_ms",
            "devices_configured",
            "device_limit",
            "license_valid_until",
        ]
    )
    if restarted:
        log.info("server.restarted", server_id=server.pk)
    publish_server(server)
    return bool(restarted)


def _started_later(server: CometServer, than: datetime | None) -> bool:
    return than is not None and CometServer.objects.filter(pk=server.pk, started_at__gt=than).exists()


def publish_server(server: CometServer) -> None:
    """Tell that something about the server itself changed."""
    publish("server.changed", tenant_id=server.tenant_id, server=server.pk)


def apply_organizations(server: CometServer, organizations: Mapping[str, WireOrganization]) -> None:
    """Store the whole list of organizations; new ones are placed with the server's owner, unmapped.

    Of their hosts only a plain name is kept: it becomes part of addresses and of a page's policy.
    The placement of one that is gone stays while rows point at it.
    """
    seen = {key: value for key, value in organizations.items() if is_key(key, 64)}
    with transaction.atomic():
        for organization_id, told in seen.items():
            Organization.objects.update_or_create(
                server=server,
                organization_id=organization_id,
                defaults={
                    "name": clip(told.name, 255) or organization_id,
                    "host": next(filter(is_host_name, told.hosts or []), ""),
                    "is_suspended": told.is_suspended,
                },
            )
        Organization.objects.filter(server=server).exclude(organization_id__in=seen).delete()
        ensure_placements(server, seen)
    publish_server(server)
