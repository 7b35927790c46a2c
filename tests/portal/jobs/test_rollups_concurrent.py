"""A sync, an event stream and a reconciliation at once, on connections of their own: nothing is lost."""

import random
import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from portal.core.states import State
from portal.fleet.apply import apply_profiles, remove_profiles
from portal.fleet.records import DeviceRecord, ItemRecord, ProfileRecord
from portal.jobs.apply import apply_jobs, mark_interrupted
from portal.jobs.item_results import refresh_items
from portal.jobs.models import Job
from portal.jobs.records import JobRecord, ProgressRecord
from portal.servers.models import SERVER_ITSELF
from tests.factories import CometServerFactory, PlacementFactory
from tests.portal.jobs.test_rollups_any_order import counted_anew, kept

pytestmark = pytest.mark.django_db(transaction=True)

JOBS = 60
ROUNDS = 12
ENDS = (5000, 7001, 7002, 7004, 7005)


def profile(name):
    return ProfileRecord(
        username=name,
        devices={"device": DeviceRecord(friendly_name="Device")},
        sources={"item": ItemRecord(description="Files", owner_device="device")},
    )


def report(number, *, ended):
    began = int((timezone.now() - timedelta(hours=number + 1)).timestamp())
    return JobRecord(
        guid=f"job-{number}",
        username=f"user-{number % 3}",
        classification=4001,
        device_id="device",
        source_guid="item",
        start_time=began,
        end_time=began + 60 if ended else 0,
        status=ENDS[number % 5] if ended else 6001,
        upload_size=number,
        progress=None if ended else ProgressRecord(counter=number),
    )


def test_roll_ups_add_up_whoever_writes_beside_whom():
    server = CometServerFactory()
    PlacementFactory(server=server, organization_id=SERVER_ITSELF, tenant=server.tenant)
    PlacementFactory(server=server, organization_id="", tenant=server.tenant)
    users = [profile(f"user-{n}") for n in range(3)]
    apply_profiles(server, users)

    def some(chance, *, ended):
        return [report(n, ended=ended) for n in chance.sample(range(JOBS), 25)]

    def events(chance):
        apply_jobs(server, some(chance, ended=chance.random() < 0.5))

    def windows(chance):
        apply_jobs(server, some(chance, ended=True), bulk=True)

    def silence(chance):
        running = Job.objects.filter(server=server, state=State.RUNNING).values_list("pk", flat=True)
        mark_interrupted(server, list(running)[:10])
        refresh_items(server)

    def people(chance):
        remove_profiles(server, ["user-0"])
        apply_profiles(server, users)

    problems = []

    def repeated(work, seed):
        try:
            for turn in range(ROUNDS):
                work(random.Random(seed + turn))
        except Exception as problem:
            problems.append(problem)
        finally:
            connection.close()

    threads = [
        threading.Thread(target=repeated, args=(work, 1000 * n))
        for n, work in enumerate([events, events, windows, silence, people])
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert problems == []
    assert kept() == list(counted_anew())
    assert Job.objects.exists()
