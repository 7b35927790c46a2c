"""What a plan changes, worked out before it is done."""

from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Final

from django.db.models import F, Sum

from portal.core.access import Access
from portal.fleet.models import Device, UserProfile
from portal.jobs.models import Job, PlacementHour
from portal.jobs.rollups import COUNTED
from portal.placing.consequences import count_ending, open_launches
from portal.placing.plans import Resolved, Step, standing
from portal.placing.sight import People, Sight, named

SHOWN: Final = 8


@dataclass(frozen=True, slots=True)
class Before:
    """One line: what goes from where to where."""

    label: str
    server: str
    tenant_before: str
    tenant_after: str
    is_new: bool
    is_stale: bool
    stays: bool


@dataclass(frozen=True, slots=True)
class Preview:
    """What a plan moves, and what that means for people."""

    lines: list[Before]
    users: int
    devices: int
    jobs: int
    """About: Jobs that run are not counted."""
    gaining: People
    losing: People
    sign_ins: int
    """Windows into Comet, open now, that would end."""
    new_tenants: int

    @property
    def shown(self) -> list[Before]:
        return self.lines[:SHOWN]

    @property
    def more(self) -> int:
        return max(0, len(self.lines) - SHOWN)

    @property
    def only(self) -> Before | None:
        """The first line that moves."""
        return next((line for line in self.lines if not (line.is_stale or line.stays)), None)

    @property
    def moving(self) -> int:
        return sum(not (line.is_stale or line.stays) for line in self.lines)


def preview(resolved: Resolved, access: Access) -> Preview:
    """A fixed number of queries, but for the rights of people with a window into Comet open."""
    steps = [step for step in resolved.steps if not is_stale(step) and not stays(step)]
    by_row = {step.row.pk: goes_to(step, resolved) for step in steps}
    pairs = {(step.placement.tenant_id, by_row[step.row.pk]) for step in steps}
    sight = Sight({tenant_id for pair in pairs for tenant_id in pair}, access)
    if resolved.kind == "organizations":
        launches = open_launches(by_row, {})
        users = UserProfile.objects.filter(placement__in=by_row).count()
        devices = Device.objects.filter(placement__in=by_row).count()
        ended = PlacementHour.objects.filter(placement__in=by_row)
        jobs = ended.aggregate(jobs=Sum(reduce(add, map(F, COUNTED))))["jobs"] or 0
    else:
        launches = open_launches({}, by_row)
        users = len(by_row)
        devices = Device.objects.filter(profile__in=by_row).count()
        jobs = Job.objects.filter(profile__in=by_row).count()
    return Preview(
        lines=[_line(step, resolved, access) for step in resolved.steps],
        users=users,
        devices=devices,
        jobs=max(0, jobs),
        gaining=named(sight.gaining(pairs)),
        losing=named(sight.losing(pairs)),
        sign_ins=count_ending(launches),
        new_tenants=len(resolved.new_names),
    )


def is_stale(step: Step) -> bool:
    """Whether somebody placed it elsewhere since it was looked at."""
    return step.seen != standing(step.placement)


def stays(step: Step) -> bool:
    """Whether there is nothing to do."""
    if step.goes_back:
        return not step.placement.username
    placement = step.placement
    return step.asked_tenant_id == placement.tenant_id and not placement.is_unmapped


def goes_to(step: Step, resolved: Resolved) -> int:
    """The Tenant whose people will see it; those of a Tenant to be made are its parent's so far."""
    tenant = step.target or resolved.parent
    assert tenant is not None  # noqa: S101  (plans.resolve has seen to it)
    return tenant.pk


def _line(step: Step, resolved: Resolved, access: Access) -> Before:
    placement = step.placement
    known = access.allows("tenant:view", tenant_id=placement.tenant_id)
    return Before(
        label=step.label,
        server=placement.server.name if resolved.kind == "organizations" else step.row.server.name,
        tenant_before="not placed yet"
        if placement.is_unmapped
        else (placement.tenant.name if known else "elsewhere"),
        tenant_after=step.new_name or str(step.target),
        is_new=bool(step.new_name),
        is_stale=is_stale(step),
        stays=stays(step),
    )
