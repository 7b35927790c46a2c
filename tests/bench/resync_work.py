"""Reads lists of Jobs from a server over HTTP, in the portal's way and in the plain one."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean
from typing import Any, Final

import requests
from django.db import connection
from django.utils import timezone

import comet
from portal.demo.children import end_with_parent, stop
from portal.demo.ports import free_port
from portal.fleet.models import Device, ProtectedItem, StorageVault, UserProfile
from portal.jobs.fetch import Window, fetch_window
from portal.jobs.merge import COLUMNS, KEY
from portal.jobs.models import DeviceDay, Job, PlacementHour
from portal.jobs.states import state_of
from portal.servers.models import CometServer
from tests.bench.harness import Result
from tests.bench.job_details import list_of_jobs
from tests.bench.populated import populate

JOBS: Final = 100_000
CHANGED_EACH: Final = 20
"""One of so many has changed when the list is read again."""

ROUNDS: Final = 2
"""So often the ways take turns at reading it for the first time: the plain one takes 13 s once, and 20 s
the next time.
"""

FIRST, AGAIN = 1, 2
GOAL_FIRST: Final = 4.0
GOAL_AGAIN: Final = 10.0
BATCH: Final = 2000

Way = Callable[[CometServer, str, int], None]
"""Reads the list from a server at an address, the first or the changed one."""


def measure(jobs: int = JOBS, rounds: int = ROUNDS) -> Iterator[Result]:
    first: dict[Way, list[float]] = {_plain: [], _portal: []}
    again: dict[Way, list[float]] = {_plain: [], _portal: []}
    stored = []
    with _jobs_served(jobs) as url:
        server = populate(api_url=url)
        for number in range(rounds):
            for way in first:
                _empty()
                first[way].append(_seconds(way, server, url, FIRST))
                if number == rounds - 1:
                    again[way].append(_seconds(way, server, url, AGAIN))
                    stored.append(_stored())
    if stored[0] != stored[1]:
        raise AssertionError("both ways should end in the same rows")
    for name, seconds, goal in (("first", first, GOAL_FIRST), ("5-percent-changed", again, GOAL_AGAIN)):
        own, other = mean(seconds[_portal]), mean(seconds[_plain])
        yield Result(f"resync.{name}", own, "s", other, "json.loads+bulk_create")
        yield Result(f"resync.{name}-times-faster", other / own, "times", goal, "goal", least=1)


def _portal(server: CometServer, url: str, number: int) -> None:
    with comet.CometClient(url, comet.Password("admin", "secret"), max_body_bytes=1 << 30) as client:
        window = Window(datetime.fromtimestamp(number, UTC), timezone.now())
        fetch_window(server, client, window, bulk=True)


def _plain(server: CometServer, url: str, number: int) -> None:
    form = {"Username": "admin", "AuthType": "Password", "Password": "secret", "Start": number, "End": 9}
    answer = requests.post(f"{url}/api/v1/admin/get-jobs-for-date-range", data=form, timeout=60)
    profiles = {
        name: (pk, placement)
        for name, pk, placement in UserProfile.objects.values_list("username", "pk", "placement")
    }
    devices = {
        device_id: (pk, name) for device_id, pk, name in Device.objects.values_list("device_id", "pk", "name")
    }
    items = dict(ProtectedItem.objects.values_list("guid", "name"))
    vaults = dict(StorageVault.objects.values_list("guid", "name"))
    rows = []
    for job in json.loads(answer.content):
        profile_id, placement_id = profiles[job["Username"]]
        device_id, device_name = devices[job["DeviceID"]]
        ended_at = datetime.fromtimestamp(job["EndTime"], UTC)
        rows.append(
            Job(
                server_id=server.pk,
                guid=job["GUID"],
                placement_id=placement_id,
                profile_id=profile_id,
                device_id=device_id,
                username=job["Username"],
                device_name=device_name,
                item_guid=job["SourceGUID"],
                item_name=items[job["SourceGUID"]],
                vault_guid=job["DestinationGUID"],
                vault_name=vaults[job["DestinationGUID"]],
                classification=job["Classification"],
                status=job["Status"],
                state=state_of(job["Status"], ended_at),
                started_at=datetime.fromtimestamp(job["StartTime"], UTC),
                ended_at=ended_at,
                client_version=job["ClientVersion"],
                files=job["TotalFiles"],
                size_bytes=job["TotalSize"],
                upload_bytes=job["UploadSize"],
                download_bytes=job["DownloadSize"],
                cancellation_id=job["CancellationID"],
            )
        )
    Job.objects.bulk_create(
        rows,
        batch_size=BATCH,
        update_conflicts=True,
        unique_fields=list(KEY),
        update_fields=[name for name in COLUMNS if name not in KEY],
    )


@contextmanager
def _jobs_served(jobs: int) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="perihelion-jobs-") as folder:
        files = [Path(folder) / name for name in ("first.json", "changed.json")]
        files[0].write_bytes(list_of_jobs(jobs))
        files[1].write_bytes(list_of_jobs(jobs, range(0, jobs, CHANGED_EACH)))
        port = free_port()
        command = [sys.executable, "-m", "tests.bench.job_list_server", str(port), *map(str, files)]
        process = subprocess.Popen(command, start_new_session=True, preexec_fn=end_with_parent)
        url = f"http://127.0.0.1:{port}"
        try:
            _wait_for(url)
            yield url
        finally:
            stop(process, timeout_seconds=0)


def _wait_for(url: str) -> None:
    until = time.monotonic() + 20
    while True:
        try:
            requests.get(url, timeout=5)
            return
        except requests.ConnectionError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


def _seconds(way: Way, *args: Any) -> float:
    began = time.perf_counter()
    way(*args)
    return time.perf_counter() - began


def _stored() -> list[tuple[Any, ...]]:
    """Every Job as Comet tells it; the digest is the portal's own."""
    columns = [name for name in COLUMNS if name != "digest"]
    return list(Job.objects.order_by("guid").values_list(*columns))


def _empty() -> None:
    """As new, and with nothing left to be written out for the way that was measured before."""
    tables = [connection.ops.quote_name(model._meta.db_table) for model in (PlacementHour, DeviceDay, Job)]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"TRUNCATE {', '.join(tables)} CASCADE")
            cursor.execute("CHECKPOINT")
        else:
            for table in tables:
                cursor.execute(f"DELETE FROM {table}")
            cursor.execute("VACUUM")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
