"""1,001 Tenants, 50,000 Devices and 1,000,000 Jobs, and four people who look at them.

Rows are multiplied in the database, before their indexes: each is built once, sorted, at the end.
"""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection, transaction
from django.utils import timezone

from portal.fleet.models import Device
from portal.jobs.models import Job
from portal.servers.models import Placement
from portal.tenants.models import Tenant
from tests import factories

SECONDS_BETWEEN_JOBS: Final = 3


@dataclass(frozen=True, slots=True)
class Size:
    """How many rows there are."""

    resellers: int = 20
    customers_each: int = 49
    devices: int = 50_000
    jobs: int = 1_000_000

    @property
    def placed(self) -> int:
        """Tenants that have Devices: all but the provider."""
        return self.resellers * (self.customers_each + 1)


def fill(size: Size) -> dict[str, Any]:
    """The rows; and who looks at them, by what they reach."""
    with transaction.atomic():
        root = factories.provider_tenant()
        resellers = [factories.TenantFactory(parent=root, kind="reseller") for _ in range(size.resellers)]
        device = factories.DeviceFactory(tenant=resellers[0])
        start = timezone.now() - dt.timedelta(seconds=SECONDS_BETWEEN_JOBS * size.jobs)
        job = factories.JobFactory(device=device, tenant=resellers[0], started_at=start)
    with _fast():
        _customers(resellers, size.customers_each)
        _multiply_all(device, job, size)
    _analyze()

    last = Placement.objects.order_by("-pk")[0].tenant
    thousand = factories.MembershipFactory(tenant=root, role="admin")
    factories.ExclusionFactory(membership=thousand, tenant=last)
    return {
        "everything": factories.MembershipFactory(tenant=root, role="admin").user,
        "1-tenant": factories.MembershipFactory(tenant=last, role="admin").user,
        "50-tenants": factories.MembershipFactory(tenant=resellers[0], role="admin").user,
        "1000-but-1": thousand.user,
    }


def _customers(resellers: list[Tenant], each: int) -> None:
    made = Tenant.objects.bulk_create(
        Tenant(parent=reseller, kind="customer", name=f"Customer {number}", path="")
        for reseller in resellers
        for number in range(each)
    )
    for one in made:
        one.path = f"{one.parent.path}{one.pk}/"
    Tenant.objects.bulk_update(made, ["path"], batch_size=200)


def _multiply_all(device: Device, job: Job, size: Size) -> None:
    """Of each Tenant a placement and a User Profile; Device and Job `n` are of placement `n` modulo those."""
    placement, profile = device.placement, device.profile
    placed = {
        "placement_id": f"{placement.pk} + n % {size.placed}",
        "profile_id": f"{profile.pk} + n % {size.placed}",
    }
    _multiply(
        placement,
        size.placed - 1,
        {"organization_id": "'organization-' || n", "tenant_id": f"{placement.tenant_id} + n"},
    )
    _multiply(profile, size.placed - 1, {"username": "'user-' || n", "placement_id": f"{placement.pk} + n"})
    _multiply(
        device,
        size.devices - 1,
        placed | {"name": "'DEVICE-' || (100000 + (n * 7919) % 50000)", "device_id": "'device-' || n"},
    )
    _multiply(
        job,
        size.jobs - 1,
        placed
        | {
            "guid": "'job-number-' || n",
            "device_id": f"{device.pk} + n % {size.devices}",
            "started_at": _moment(job.started_at),
            "ended_at": _moment(job.started_at),
        },
    )


def _multiply(row: Any, count: int, columns: dict[str, str]) -> None:
    """`count` copies of `row`, numbered from 1 as `n`, with these columns told apart by SQL."""
    table = row._meta.db_table
    names = [field.column for field in row._meta.concrete_fields if not field.primary_key]
    picked = ", ".join(f"{columns[name]} AS {name}" if name in columns else f"t.{name}" for name in names)
    if connection.vendor == "postgresql":
        numbers = f"SELECT n FROM generate_series(1, {count}) AS n"
    else:
        series = f"SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {count}"
        numbers = f"WITH RECURSIVE s(n) AS ({series}) SELECT n FROM s"
    with transaction.atomic(), connection.cursor() as cursor:
        indexes = _indexes(cursor, table)
        for name, _ in indexes:
            cursor.execute(f'DROP INDEX "{name}"')
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(names)}) "
            f"SELECT {picked} FROM {table} t, ({numbers}) AS numbers WHERE t.id = {row.pk} ORDER BY n"
        )
        for _, statement in indexes:
            cursor.execute(statement)


def _indexes(cursor: Any, table: str) -> list[tuple[str, str]]:
    """Name and statement of each index that no constraint rests on."""
    if connection.vendor == "postgresql":
        cursor.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = %s"
            " AND indexname NOT IN (SELECT conname FROM pg_constraint)",
            [table],
        )
    else:
        cursor.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name = %s",
            [table],
        )
    return list(cursor.fetchall())


@contextmanager
def _fast() -> Iterator[None]:
    """Nothing is checked, and nothing has to outlast a crash."""
    if connection.vendor == "postgresql":
        begin = [
            "SET session_replication_role = replica",
            "SET synchronous_commit = off",
            "SET maintenance_work_mem = '256MB'",
            "SET work_mem = '64MB'",
        ]
        end = ["RESET ALL"]
    else:
        begin = [
            "PRAGMA foreign_keys = OFF",
            "PRAGMA journal_mode = OFF",
            "PRAGMA synchronous = OFF",
            "PRAGMA cache_size = -200000",
        ]
        end = ["PRAGMA journal_mode = WAL"]
    with connection.cursor() as cursor:
        for statement in begin:
            cursor.execute(statement)
        try:
            yield
        finally:
            for statement in end:
                cursor.execute(statement)
    connection.close()  # the next is as the portal opens it


def _moment(start: dt.datetime) -> str:
    """SQL of a time, `n` steps after `start`, as the database stores it."""
    seconds = f"n * {SECONDS_BETWEEN_JOBS}"
    if connection.vendor == "postgresql":
        return f"'{start.isoformat()}'::timestamptz + ({seconds}) * interval '1 second'"
    return f"datetime('{start:%Y-%m-%d %H:%M:%S}', '+' || ({seconds}) || ' seconds')"


def _analyze() -> None:
    """What PostgreSQL does by itself after such an import."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
