"""The columns of the Jobs' CSV file."""

from typing import Any, Final

from portal.jobs.models import Job
from portal.jobs.states import word_of
from portal.jobs.words import kind_of

JOB_HEADER: Final = (
    "GUID",
    "Started (UTC)",
    "Ended (UTC)",
    "State",
    "Status",
    "Kind",
    "User",
    "Device",
    "Protected item",
    "Storage vault",
    "Server",
    "Tenant",
    "Files",
    "Size (bytes)",
    "Uploaded (bytes)",
    "Downloaded (bytes)",
    "Client version",
    "Message",
)


def job_cells(job: Job) -> list[Any]:
    return [
        job.guid,
        job.started_at,
        job.ended_at,
        job.state,
        word_of(job.status),
        kind_of(job.classification),
        job.username,
        job.device_name,
        job.item_name,
        job.vault_name,
        job.server.name,
        job.placement.tenant.name,
        job.files,
        job.size_bytes,
        job.upload_bytes,
        job.download_bytes,
        job.client_version,
        job.message,
    ]
