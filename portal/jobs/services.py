"""What is done with Jobs. Nothing here calls a Comet Server: it starts an Operation."""

from typing import Any

from portal.jobs.cancel import cancel_target
from portal.jobs.models import Job
from portal.operations import services as operations
from portal.operations.models import Operation


def cancel_job(job: Job, *, user: Any, ip: str | None = None) -> Operation:
    """Ask the Device to stop a running Job. The caller has found it for `user` with `job:cancel`."""
    what = " ".join(filter(None, [job.device_name, job.item_name])) or job.username
    target = cancel_target(
        job.server_id,
        job.guid,
        username=job.username,
        label=what,
        tenant_id=job.tenant_id,
        server_name=job.server.name,
        job_id=job.pk,
    )
    return operations.start(
        "job.cancel",
        title=f"Cancel a Job of {what}",
        tenant_id=job.tenant_id,
        user=user,
        targets=[target],
        ip=ip,
    )
