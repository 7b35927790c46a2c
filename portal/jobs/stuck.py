"""Jobs whose Counter stands still, and what to do about each: cancel it, or where that fails abandon it.

A Job whose machine died runs on for ever at its Comet Server, and a schedule that skips what is
already running backs nothing up until somebody ends it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from portal.core.access import Access
from portal.core.querysets import TenantQuerySet
from portal.core.templatetags.portal_tags import largest_unit
from portal.jobs.models import Job
from portal.jobs.selectors import list_jobs

CANCEL_TAKES: Final = timedelta(minutes=10)
"""So long a device that was told to stop has to do it; then the cancel counts as without effect."""

MOST: Final = 5_000
"""So many are looked at; more are more than anybody acts on."""


class Act(StrEnum):
    """What is proposed for a Job that stands still."""

    CANCEL = "cancel"
    WAIT = "wait"
    ABANDON = "abandon"


PERMISSIONS: Final = {Act.CANCEL: "job:cancel", Act.ABANDON: "job:abandon"}
KINDS: Final = {Act.CANCEL: "job.cancel", Act.ABANDON: "job.abandon"}
CALLS: Final = {Act.CANCEL: "AdminJobCancel", Act.ABANDON: "AdminJobAbandon"}


@dataclass(frozen=True, slots=True)
class Proposal:
    """What to do about one Job, and why just that."""

    job: Job
    act: Act
    why: str
    is_allowed: bool
    """Whether the person who asks may do it."""

    @property
    def call(self) -> str:
        """The method of the Comet Server API it makes."""
        return CALLS.get(self.act, "")

    @property
    def choice(self) -> str:
        """How it stands in a form: done is only what was shown."""
        return f"{self.job.pk}:{self.act}"


def standstill() -> timedelta:
    """How long a Job may stand still before it counts as stuck, unless somebody asks for another time."""
    return timedelta(hours=settings.STUCK_JOB_HOURS)


def list_stuck(access: Access, still_for: timedelta) -> TenantQuerySet[Job]:
    """Unfinished Jobs the caller may see whose Counter has not risen for so long."""
    before = timezone.now() - still_for
    still = Q(progress_at__lt=before) | Q(progress_at=None, started_at__lt=before)
    # Found by the index of unfinished Jobs, before anything is sorted by the time of all.
    unfinished = Job.objects.filter(still, ended_at=None, server__unlinking_at=None).order_by()
    return list_jobs(access).filter(pk__in=list(unfinished.values_list("pk", flat=True)[:MOST]))


def count_stuck(access: Access) -> int:
    return list_stuck(access, standstill()).count()


def proposals_for(access: Access, jobs: Sequence[Job]) -> list[Proposal]:
    """What is proposed for each of `jobs`, which were found with device and placement."""
    return [_proposal(access, job) for job in jobs]


def _proposal(access: Access, job: Job) -> Proposal:
    act, why = _act(job, timezone.now())
    permission = PERMISSIONS.get(act)
    allowed = permission is not None and access.allows(permission, tenant_id=job.tenant_id)
    return Proposal(job, act, why, allowed)


def _act(job: Job, now: datetime) -> tuple[Act, str]:
    asked = job.cancel_asked_at
    if asked is not None and asked >= moved_at(job):
        ago = largest_unit((now - asked).total_seconds())
        if now - asked < CANCEL_TAKES:
            return Act.WAIT, f"Its device was told to stop {ago} ago and has 10 min for it."
        return Act.ABANDON, f"Its device was told to stop {ago} ago, and the Job has not ended."
    if not job.cancellation_id:
        return Act.ABANDON, "Comet gives no means to cancel it."
    if job.device is None:
        return Act.ABANDON, "Its device is not known any more, so nobody can be told to stop."
    if not job.device.is_online:
        return Act.ABANDON, "Its device is offline, so it cannot be told to stop."
    return Act.CANCEL, "Its device is online and can be told to stop."


def moved_at(job: Job) -> datetime:
    """When it last gave a sign of life."""
    return job.progress_at or job.started_at
