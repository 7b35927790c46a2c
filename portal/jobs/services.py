"""What is done with Jobs. Nothing here calls a Comet Server: it starts an Operation."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from portal.fleet.services import by_operation
from portal.jobs.cancel import cancel_target
from portal.jobs.models import Job
from portal.jobs.stuck import KINDS, Act, Proposal
from portal.operations import services as operations
from portal.operations.models import Operation
from portal.operations.services import Target


def cancel_job(job: Job, *, user: Any, ip: str | None = None) -> Operation:
    """Ask the Device to stop a running Job. The caller has found it for `user` with `job:cancel`."""
    target = _target_of(job)
    return operations.start(
        "job.cancel",
        title=f"Cancel a Job of {target.label}",
        tenant_id=job.tenant_id,
        user=user,
        targets=[target],
        ip=ip,
    )


def unstick(proposals: Sequence[Proposal], *, user: Any, ip: str | None = None) -> list[Operation]:
    """Cancel and abandon Jobs that stand still, as proposed; gives one Operation or more for either.

    The caller has found the Jobs for `user` and checked each proposal's permission.
    """
    return [
        operations.start(
            KINDS[act],
            title=_title(act, targets),
            tenant_id=tenant_id,
            user=user,
            targets=targets,
            ip=ip,
        )
        for act in (Act.CANCEL, Act.ABANDON)
        for tenant_id, targets in _by_operation([one.job for one in proposals if one.act == act], user)
    ]


def _by_operation(jobs: Sequence[Job], user: Any) -> list[tuple[int, list[Target]]]:
    return by_operation([_target_of(job) for job in jobs], user) if jobs else []


def _title(act: Act, targets: Sequence[Target]) -> str:
    if len(targets) == 1:
        return f"{act.capitalize()} a stuck Job of {targets[0].label}"
    return f"{act.capitalize()} {len(targets)} stuck Jobs"


def _target_of(job: Job) -> Target:
    target = cancel_target(
        job.server_id,
        job.guid,
        username=job.username,
        label=" ".join(filter(None, [job.device_name, job.item_name])) or job.username,
        tenant_id=job.tenant_id,
        server_name=job.server.name,
        job_id=job.pk,
    )
    return replace(target, params={**(target.params or {}), "counter": job.progress_counter})
