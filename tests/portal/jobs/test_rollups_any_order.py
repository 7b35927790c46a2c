"""Whatever comes by event, window and reconciliation, in any order: roll-ups are what the rows add up to."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.core.states import State
from portal.fleet.models import Device
from portal.jobs.apply import apply_jobs, mark_interrupted
from portal.jobs.item_results import refresh_items
from portal.jobs.models import DeviceDay, Job, PlacementHour
from portal.jobs.records import JobRecord, ProgressRecord
from portal.jobs.rollups import COUNTED
from portal.servers.models import SERVER_ITSELF
from tests.factories import DeviceFactory, PlacementFactory, ProtectedItemFactory

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
JOBS = 4
SUCCESS, RUNNING, REVIVED, WARNING, ERROR, MISSED, CANCELLED, ABANDONED = (
    5000,
    6001,
    6002,
    7001,
    7002,
    7004,
    7005,
    7007,
)
ENDS = (SUCCESS, WARNING, ERROR, MISSED, CANCELLED)


class Undo(Exception):
    """Ends an example: the next begins with the rows this one began with."""


def history(item, number):
    """What a server says of one Job, in the order it becomes true; every second one is abandoned first."""
    began = int(NOW.timestamp()) - 50 * 60 * (number + 1)
    common = {
        "guid": f"job-{number}",
        "username": item.profile.username,
        "classification": 4001,
        "start_time": began,
        "source_guid": item.guid,
        "device_id": item.device.device_id,
    }
    told = [JobRecord(status=RUNNING, progress=ProgressRecord(counter=c), **common) for c in (1, 7)]
    if number % 2:
        told.append(JobRecord(status=ABANDONED, end_time=began + 900, **common))
        told.append(JobRecord(status=REVIVED, progress=ProgressRecord(counter=9), **common))
    end = ENDS[number % len(ENDS)]
    told.append(JobRecord(status=end, end_time=began + 1800, upload_size=100 + number, **common))
    return told


def counted_anew():
    """Roll-ups as the stored Jobs make them, without zeros."""
    hours, uploads, days = Counter(), Counter(), Counter()
    for job in Job.objects.all():
        at = job.ended_at
        if at is None and job.state == State.INTERRUPTED:
            at = job.progress_at or job.started_at
        if at is None:
            continue
        hour = at.replace(minute=0, second=0, microsecond=0)
        hours[job.placement_id, hour, job.state] += 1
        uploads[job.placement_id, hour] += job.upload_bytes
        if job.device_id is not None:
            days[job.device_id, at.date(), job.state] += 1
    return hours, +uploads, days


def kept():
    """Roll-ups as they are stored, without zeros."""
    hours, uploads, days = Counter(), Counter(), Counter()
    for row in PlacementHour.objects.all():
        uploads[row.placement_id, row.hour] = row.upload_bytes
        hours.update({(row.placement_id, row.hour, state): getattr(row, state) for state in COUNTED})
    for row in DeviceDay.objects.all():
        days.update({(row.device_id, row.day, state): getattr(row, state) for state in COUNTED})
    return [Counter({key: n for key, n in counts.items() if n}) for counts in (hours, uploads, days)]


reports = st.lists(st.tuples(st.integers(0, JOBS - 1), st.integers(0, 4)), min_size=1, max_size=5)
steps = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["events", "window"]), reports),
        st.tuples(st.just("silent"), st.integers(0, JOBS - 1)),
        st.tuples(st.just("device goes"), st.none()),
        st.tuples(st.just("device comes"), st.none()),
        st.tuples(st.just("user moves"), st.integers(0, 1)),
        st.tuples(st.just("later"), st.integers(1, 90)),
    ),
    max_size=12,
)


def take(item, placements, clock, step, value):
    server = item.server
    match step:
        case "events" | "window":
            told = [history(item, number) for number in range(JOBS)]
            batch = [told[number][min(place, len(told[number]) - 1)] for number, place in value]
            apply_jobs(server, batch, bulk=step == "window")
        case "silent":
            running = Job.objects.filter(guid=f"job-{value}", state=State.RUNNING)
            mark_interrupted(server, list(running.values_list("pk", flat=True)))
        case "device goes":
            Device.objects.filter(profile=item.profile).delete()
        case "device comes":
            if not Device.objects.filter(profile=item.profile).exists():
                DeviceFactory(profile=item.profile, device_id=item.device.device_id)
        case "user moves":
            item.profile.placement = placements[value]
            item.profile.save()
        case "later":
            clock.shift(timedelta(minutes=value))


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
@given(steps=steps)
def test_roll_ups_are_what_the_jobs_add_up_to_after_every_step(db, steps):
    with time_machine.travel(NOW, tick=False) as clock:
        try:
            with transaction.atomic():
                item = ProtectedItemFactory()
                PlacementFactory(server=item.server, organization_id=SERVER_ITSELF, tenant=item.server.tenant)
                placements = [item.placement, PlacementFactory(server=item.server)]
                for step, value in steps:
                    take(item, placements, clock, step, value)
                    assert kept() == list(counted_anew()), (step, value)
                ends = [history(item, number)[-1] for number in range(JOBS)]
                apply_jobs(item.server, ends, bulk=len(steps) % 2 == 0)
                refresh_items(item.server)
                assert kept() == list(counted_anew())
                assert dict(Job.objects.values_list("guid", "status")) == {
                    report.guid: report.status for report in ends
                }
                raise Undo
        except Undo:
            pass
