"""The kind `job.cancel`: asks a Device, through its Comet Server, to stop a running Job."""

from collections.abc import Sequence
from typing import Any

from django.utils import timezone

from portal.fleet.models import Device
from portal.jobs.apply import apply_jobs
from portal.jobs.models import Job
from portal.operations import services as operations
from portal.operations.errors import ItemFailed
from portal.operations.models import Operation, OperationItem
from portal.operations.progress import Progress
from portal.operations.registry import Done, cancels, operation
from portal.operations.services import Target
from portal.servers import clients
from portal.servers.models import CometServer


@operation("job.cancel", permission="job:cancel", repeatable=True)
def cancel_at_server(item: OperationItem, progress: Progress) -> Done:
    """Cancel one Job. The server waits up to 10 s for the Device to confirm.

    Some cancels emit no event, so the Job is read once more afterwards and stored. Repeatable: a Job
    that has ended is left alone.

    Raises:
        ItemFailed: the Device is offline, Comet gives no means to cancel this Job, or it was placed
            with another tenant since.
        comet.CometError: the Comet Server refused or did not answer.

    Source: Comet Server API, AdminJobCancel (needs the Auth Role).
    """
    server = CometServer.objects.filter(pk=item.params["server"]).first()
    if server is None:
        raise ItemFailed(f"{item.news_from} is not linked any more.")
    guid, username = item.params["guid"], item.params["username"]
    held = Job.objects.filter(server=server, guid=guid).select_related("placement").first()
    if held is not None and held.tenant_id != item.tenant_id:
        raise ItemFailed(f"{item.label} belongs to another tenant by now.")
    client = clients.for_server(server)
    job = client.admin_get_job_properties(job_id=guid)  # its CancellationID may be newer than ours
    if job.username != username:
        raise ItemFailed(f"This Job is not one of {username}.")
    if job.end_time:
        apply_jobs(server, [job])
        return Done(text="It had ended already")
    if not job.cancellation_id:
        raise ItemFailed("Comet gives no means to cancel this Job yet. Try again when it has begun.")
    if clients.live_connection_id(client, username, job.device_id) is None:
        raise ItemFailed("The device is offline, so it cannot be told to stop. Its Job ends when it is back.")
    progress.report(text="Waiting for the device to confirm")
    Job.objects.filter(server=server, guid=guid).update(cancel_asked_at=timezone.now())
    client.admin_job_cancel(target_user=username, job_id=guid)
    apply_jobs(server, [client.admin_get_job_properties(job_id=guid)])
    return Done(text="The device was told to stop")


@cancels("backup.run")
def cancel_backups(cancelled: Operation, items: Sequence[OperationItem], user: Any) -> None:
    """Cancel the Jobs that a cancelled backup Operation follows."""
    devices = Device.objects.select_related("profile").in_bulk([item.target_id for item in items])
    jobs = {
        (job.server_id, job.guid): job.pk
        for job in Job.objects.filter(guid__in=[item.follow_guid for item in items])
    }
    targets = [
        cancel_target(
            item.follow_server_id,
            item.follow_guid,
            username=devices[item.target_id].profile.username,
            label=item.label,
            tenant_id=item.tenant_id,
            server_name=item.server_name,
            job_id=jobs.get((item.follow_server_id, item.follow_guid), 0),
        )
        for item in items
        if item.follow_server_id is not None and item.target_id in devices
    ]
    if targets:
        operations.start(
            "job.cancel",
            title=f"Cancel: {cancelled.title}",
            tenant_id=cancelled.tenant_id,
            user=user,
            targets=targets,
        )


def cancel_target(
    server_id: int,
    guid: str,
    *,
    username: str,
    label: str,
    tenant_id: int,
    server_name: str,
    job_id: int,
) -> Target:
    """What `job.cancel` needs to know of one Job. `job_id` is 0 where no row tells of it yet."""
    return Target(
        type="job" if job_id else "",
        id=job_id,
        label=label,
        tenant_id=tenant_id,
        server_name=server_name,
        params={"server": server_id, "guid": guid, "username": username},
    )
