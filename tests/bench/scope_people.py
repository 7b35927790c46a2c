"""Fills a database with 1,001 Tenants, 50,000 Devices and 1,000,000 Jobs; times four people's lists there.

A process of its own for each database. Prints, as one JSON object, what each page cost whom: the
fastest of the handler's rounds in milliseconds (the others tell of the machine), and its queries.
"""

import json
import os
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import django

RESELLERS: Final = 20
TENANTS_EACH: Final = 50  # a reseller and its 49 customers
DEVICES: Final = 50_000
JOBS: Final = 1_000_000
PAGE: Final = 100
ROUNDS: Final = 40
SECONDS_BETWEEN_JOBS: Final = 3
PAGES: Final = {"jobs": "/jobs/", "devices": "/devices/"}


def main() -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0, interactive=False)  # the database ends with the benchmark
    print(json.dumps(_measure(_fill())))


def _fill() -> dict[str, Any]:
    """The rows, and who looks at them."""
    from django.utils import timezone

    from portal.fleet.models import Device
    from portal.jobs.models import Job
    from portal.tenants.models import Tenant
    from tests import factories

    root = factories.provider_tenant()
    resellers = [factories.TenantFactory(parent=root, kind="reseller") for _ in range(RESELLERS)]
    for reseller in resellers:
        factories.TenantFactory.create_batch(TENANTS_EACH - 1, parent=reseller)
    customers = list(Tenant.objects.exclude(parent=None).order_by("pk"))
    server = factories.CometServerFactory(tenant=root)
    placements = [factories.PlacementFactory(server=server, tenant=tenant) for tenant in customers]
    profiles = [factories.UserProfileFactory(placement=one, tenant=one.tenant) for one in placements]

    first = factories.DeviceFactory(profile=profiles[0], tenant=profiles[0].placement.tenant)
    tenants = len(placements)
    _multiply(
        Device,
        first,
        DEVICES - 1,
        {
            "name": "'DEVICE-' || (100000 + (n * 7919) % 50000)",
            "device_id": "'device-' || n",
            "placement_id": f"{placements[0].pk} + n % {tenants}",
            "profile_id": f"{profiles[0].pk} + n % {tenants}",
        },
    )
    now = timezone.now()
    began_at = now - timedelta(seconds=SECONDS_BETWEEN_JOBS * JOBS)
    job = factories.JobFactory(device=first, tenant=first.placement.tenant, started_at=began_at)
    # Job n is of Device n % 50,000, whose placement is the device's own number % 1,000.
    _multiply(
        Job,
        job,
        JOBS - 1,
        {
            "guid": "'job-number-' || n",
            "placement_id": f"{placements[0].pk} + n % {tenants}",
            "profile_id": f"{profiles[0].pk} + n % {tenants}",
            "device_id": f"{first.pk} + n % {DEVICES}",
            "started_at": _moment(job.started_at),
            "ended_at": _moment(job.started_at),
        },
    )
    _analyze()

    one = factories.MembershipFactory(tenant=customers[-1], role="admin")
    fifty = factories.MembershipFactory(tenant=resellers[0], role="admin")
    thousand = factories.MembershipFactory(tenant=root, role="admin")
    factories.ExclusionFactory(membership=thousand, tenant=customers[-1])
    return {
        "everything": factories.MembershipFactory(tenant=root, role="admin").user,
        "1-tenant": one.user,
        "50-tenants": fifty.user,
        "1000-but-1": thousand.user,
    }


def _multiply(model: Any, row: Any, count: int, columns: dict[str, str]) -> None:
    """`count` copies of `row`, numbered from 1 as `n`, with these columns told apart by SQL."""
    from django.db import connection, transaction

    names = [field.column for field in model._meta.concrete_fields if not field.primary_key]
    picked = ", ".join(f"{columns[name]} AS {name}" if name in columns else f"t.{name}" for name in names)
    table = model._meta.db_table
    if connection.vendor == "postgresql":
        numbers = f"SELECT n FROM generate_series(1, {count}) AS n"
        unchecked, checked = "SET session_replication_role = replica", "RESET session_replication_role"
    else:
        series = f"SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {count}"
        numbers = f"WITH RECURSIVE s(n) AS ({series}) SELECT n FROM s"
        unchecked, checked = "PRAGMA foreign_keys = OFF", "PRAGMA foreign_keys = ON"
    with connection.cursor() as cursor:
        cursor.execute(unchecked)
        with transaction.atomic():
            cursor.execute(
                f"INSERT INTO {table} ({', '.join(names)}) "
                f"SELECT {picked} FROM {table} t, ({numbers}) AS numbers WHERE t.id = {row.pk}"
            )
        cursor.execute(checked)


def _moment(start: Any) -> str:
    """SQL of a time, `n` steps after `start`, as the database stores it."""
    from django.db import connection

    seconds = f"n * {SECONDS_BETWEEN_JOBS}"
    if connection.vendor == "postgresql":
        return f"'{start.isoformat()}'::timestamptz + ({seconds}) * interval '1 second'"
    return f"datetime('{start:%Y-%m-%d %H:%M:%S}', '+' || ({seconds}) || ' seconds')"


def _analyze() -> None:
    """What PostgreSQL does by itself after such an import."""
    from django.db import connection

    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")


def _measure(people: dict[str, Any]) -> dict[str, dict[str, Any]]:
    from django.db import connection
    from django.test import Client

    from portal.core.paging import keyset_page

    keyset_page.__kwdefaults__["size"] = PAGE
    browsers = {}
    for name, user in people.items():
        browsers[name] = Client()
        browsers[name].force_login(user)
    measured: dict[str, dict[str, Any]] = {}
    for page, url in PAGES.items():
        times: dict[str, list[float]] = {name: [] for name in people}
        queries: dict[str, int] = {}
        for _ in range(ROUNDS):
            for name, browser in browsers.items():
                count = [0]

                def counted(execute: Any, *args: Any, count: list[int] = count) -> Any:
                    count[0] += 1
                    return execute(*args)

                with connection.execute_wrapper(counted):
                    began = time.perf_counter()
                    response = browser.get(url)
                    times[name].append((time.perf_counter() - began) * 1000)
                if response.status_code != 200:
                    raise RuntimeError(f"{url} gave {name} {response.status_code}")
                queries[name] = count[0]
        for name in people:
            measured[f"{page} {name}"] = {
                "ms": min(times[name]),
                "queries": queries[name],
            }
    return measured


if __name__ == "__main__":
    main()
