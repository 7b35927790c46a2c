"""The kind `backup.run`: asks a Device, through its Comet Server, to back up one Protected Item now."""

from datetime import UTC, timedelta
from typing import Final

import comet
from comet.constants import JobClassification
from comet.types import BackupJobDetail
from portal.fleet.models import ProtectedItem, StorageVault
from portal.operations.errors import ItemFailed, OutcomeUnknown
from portal.operations.models import OperationItem
from portal.operations.progress import Progress
from portal.operations.registry import Follow, operation, recovers
from portal.servers import clients

EARLIER: Final = timedelta(seconds=10)
"""How far before our call a Job may have started by the server's clock and still be ours."""

LATER: Final = timedelta(hours=1)


@operation(
    "backup.run",
    permission="backup:run",
    repeatable=False,
    check="Look at the Jobs of this Device before you start it again.",
)
def run_backup(item: OperationItem, progress: Progress) -> Follow:
    """Ask the Device of a Protected Item to back it up into a Storage Vault now.

    Writes no Job row: the event stream brings the Job as the Comet Server sees it. Not repeatable: a
    backup whose answer was lost would start twice, so its Job is looked for first.

    Raises:
        ItemFailed: the Device is offline, or the item, its vault or its Device is gone.
        OutcomeUnknown: it was started by a Device that names no Job (older than 25.9.6).
        comet.CometError: the Comet Server refused or did not answer.

    Source: Comet Server API, AdminDispatcherRunBackupCustom (needs the Auth Role).
    """
    protected = _protected_item(item)
    vault = _vault(item, protected)
    device, server = protected.device, protected.server
    progress.report(text=f"Asking {device.name}")
    client = clients.for_server(server)
    try:
        connection_id = clients.live_connection_id(client, device.profile.username, device.device_id)
    except comet.CometError as error:
        raise ItemFailed(f"{server} could not be asked for {device.name}: {error.message}.") from error
    if connection_id is None:
        raise ItemFailed(f"{device.name} is offline: it has no connection to {server}. Nothing was started.")
    reply = client.admin_dispatcher_run_backup_custom(
        target_id=connection_id, source=protected.guid, destination=vault.guid
    )
    if not reply.job_id:
        raise OutcomeUnknown(f"{device.name} has begun and named no Job.")
    return Follow(server.pk, reply.job_id, text="Waiting for the Job to begin")


@recovers("backup.run")
def find_backup(item: OperationItem) -> Follow | None:
    """The Job that an earlier call started, found by user, Device, item, vault and start time."""
    protected = _protected_item(item)
    vault = _vault(item, protected)
    server = protected.server
    if item.claimed_at is None:
        return None
    asked_at = item.claimed_at + timedelta(milliseconds=server.clock_drift_ms)
    since = int((asked_at - EARLIER).astimezone(UTC).timestamp())
    jobs = clients.for_server(server).admin_get_jobs_for_date_range(
        start=since, end=since + int(LATER.total_seconds())
    )
    mine = [job for job in jobs if _is_ours(job, protected, vault, since)]
    taken = set(
        OperationItem.objects.filter(follow_server=server, follow_guid__in=[job.guid for job in mine])
        .exclude(pk=item.pk)
        .values_list("follow_guid", flat=True)
    )
    asked = int(asked_at.timestamp())
    found = min(
        (job for job in mine if job.guid not in taken),
        key=lambda job: (job.start_time < asked, abs(job.start_time - asked)),
        default=None,
    )
    return Follow(server.pk, found.guid, text="Found its Job") if found else None


def _is_ours(job: BackupJobDetail, protected: ProtectedItem, vault: StorageVault, since: int) -> bool:
    return (
        job.classification == JobClassification.BACKUP
        and job.start_time >= since
        and job.username == protected.profile.username
        and job.device_id == protected.device.device_id
        and job.source_guid == protected.guid
        and job.destination_guid == vault.guid
    )


def _protected_item(item: OperationItem) -> ProtectedItem:
    protected = (
        ProtectedItem.objects.select_related("device", "profile", "server", "placement")
        .filter(pk=item.params["protected_item"])
        .first()
    )
    if protected is None:
        raise ItemFailed(f"{item.label} is not there any more.")
    if protected.tenant_id != item.tenant_id:
        raise ItemFailed(f"{item.label} belongs to another tenant by now.")
    return protected


def _vault(item: OperationItem, protected: ProtectedItem) -> StorageVault:
    """The chosen Storage Vault, else that of the item's last backup, else the user's first."""
    vaults = StorageVault.objects.filter(profile=protected.profile).order_by("name", "pk")
    chosen = item.params.get("vault")
    if chosen is not None:
        vault = vaults.filter(pk=chosen).first()
    else:
        last = _last_vault_guid(protected)
        vault = (vaults.filter(guid=last).first() if last else None) or vaults.first()
    if vault is None:
        raise ItemFailed(f"{protected.profile.username} has no Storage Vault to back up into.")
    return vault


def _last_vault_guid(protected: ProtectedItem) -> str:
    jobs = protected.profile.jobs  # the reverse of a later room's key
    guid = jobs.filter(guid=protected.last_job_guid).values_list("vault_guid", flat=True).first()
    return guid or ""
