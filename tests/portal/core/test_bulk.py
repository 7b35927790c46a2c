"""Writing many rows: only those that differ, in short transactions."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from portal.core.bulk import Upsert, upsert
from portal.fleet.models import Device, UserProfile
from portal.jobs.models import PlacementHour
from tests.factories import DeviceFactory, PlacementFactory, UserProfileFactory

HOUR = datetime(2026, 3, 2, 12, tzinfo=UTC)


def write(placement, names, *, synced_at=HOUR, email="", **more):
    rows = [(placement.server_id, name, placement.pk, email, synced_at, b"\x00\xff" * 16) for name in names]
    return upsert(
        UserProfile,
        rows,
        unique=("server_id", "username"),
        update=("placement_id", "email", "synced_at", "digest"),
        **more,
    )


@pytest.fixture
def placement(db):
    return PlacementFactory()


def test_rows_are_inserted_with_every_type_of_value_and_defaults(placement):
    assert write(placement, ["anna", "b'or\"; --", "ünï\u0000"[:3]], email="a@example.com") == 3

    profile = UserProfile.objects.get(username="anna")
    assert (profile.server, profile.placement, profile.synced_at) == (placement.server, placement, HOUR)
    assert (bytes(profile.digest), profile.email) == (b"\x00\xff" * 16, "a@example.com")
    assert (profile.account_name, profile.is_suspended, profile.created_at) == ("", False, None)


def test_the_same_rows_again_write_nothing_and_a_changed_one_alone_is_written(placement):
    names = [f"user-{n}" for n in range(1200)]
    assert write(placement, names, pause=False) == 1200
    assert write(placement, names, pause=False) == 0
    assert write(placement, names[:1], email="new@example.com", pause=False) == 1
    assert UserProfile.objects.filter(email="new@example.com").count() == 1


def test_null_differs_from_a_value(placement):
    profile = UserProfileFactory(placement=placement, server=placement.server, created_at=None)
    columns = {"unique": ("server_id", "username"), "update": ("created_at", "placement_id", "synced_at")}
    row = (profile.server_id, profile.username, HOUR, placement.pk, profile.synced_at)

    assert upsert(UserProfile, [row], **columns) == 1
    assert upsert(UserProfile, [row], **columns) == 0
    assert upsert(UserProfile, [(*row[:2], None, *row[3:])], **columns) == 1
    profile.refresh_from_db()
    assert profile.created_at is None


def test_other_time_zones_store_the_same_moment(placement):
    summer = timezone.get_fixed_timezone(120)
    write(placement, ["anna"], synced_at=HOUR.astimezone(summer))

    assert UserProfile.objects.get().synced_at == HOUR
    assert write(placement, ["anna"], synced_at=HOUR) == 0


def test_columns_that_add_grow_by_the_difference(placement):
    def add(succeeded, failed):
        return upsert(
            PlacementHour,
            [(placement.pk, HOUR, succeeded, failed)],
            unique=("placement_id", "hour"),
            update=(),
            add=("succeeded", "failed"),
        )

    add(3, 1)
    add(-1, 2)
    assert add(0, 0) == 0

    hour = PlacementHour.objects.get()
    assert (hour.succeeded, hour.failed, hour.missed) == (2, 3, 0)


def test_constants_are_for_new_rows_only(placement):
    device = DeviceFactory(sort_last_job_at=HOUR)
    columns = ("server_id", "placement_id", "name")
    row = (device.profile_id, device.device_id, device.server_id, device.placement_id, "renamed")
    new = (device.profile_id, "another", device.server_id, device.placement_id, "new")

    upsert(
        Device,
        [row, new],
        unique=("profile_id", "device_id"),
        update=columns,
        constants={"sort_last_job_at": HOUR + timedelta(days=1)},
    )

    device.refresh_from_db()
    assert (device.name, device.sort_last_job_at) == ("renamed", HOUR)
    assert Device.objects.get(device_id="another").sort_last_job_at == HOUR + timedelta(days=1)


def test_inside_a_transaction_everything_is_rolled_back_with_it(placement):
    with pytest.raises(RuntimeError), transaction.atomic():
        write(placement, ["anna"])
        raise RuntimeError

    assert UserProfile.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_each_chunk_is_a_transaction_of_its_own(placement):
    begun = []

    def note(execute, sql, params, many, context):
        begun.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        write(placement, [f"user-{n}" for n in range(25)], chunk=10, pause=False)

    assert sum("INSERT INTO" in sql and "SELECT" in sql for sql in begun) == 3
    assert UserProfile.objects.count() == 25
    assert not connection.in_atomic_block


def test_a_few_rows_are_written_at_once_as_many_are(placement, django_assert_num_queries):
    columns = {"unique": ("placement_id", "hour"), "update": (), "add": ("failed", "upload_bytes")}
    rows = [(placement.pk, HOUR, 1, 40), (placement.pk, HOUR + timedelta(hours=1), 2, 0)]
    with Upsert(PlacementHour, **columns) as writer:
        with django_assert_num_queries(1):
            writer.write(rows)
        with django_assert_num_queries(0):
            writer.write([])
        writer.write(rows[:1])

    stored = PlacementHour.objects.order_by("hour").values_list("failed", "upload_bytes", "succeeded")
    assert list(stored) == [(2, 80, 0), (2, 0, 0)]


def test_rows_that_are_not_there_are_inserted_past_the_table_between(placement):
    columns = ("server_id", "username"), ("placement_id", "email", "synced_at", "digest")
    row = (placement.server_id, "anna\t\\N", placement.pk, "a@example.com", HOUR, b"\x00\xff" * 16)

    with Upsert(UserProfile, unique=columns[0], update=columns[1]) as writer:
        writer.insert(writer.pack([row]))
        writer.insert(writer.pack([]))
        with pytest.raises(IntegrityError), transaction.atomic():
            writer.insert(writer.pack([row]))

    profile = UserProfile.objects.get()
    assert (profile.username, profile.synced_at, bytes(profile.digest)) == (
        "anna\t\\N",
        HOUR,
        b"\x00\xff" * 16,
    )
    assert (profile.account_name, profile.is_suspended, profile.created_at) == ("", False, None)


def test_a_writer_moves_what_it_holds_and_nothing_of_before(placement):
    columns = ("server_id", "username"), ("placement_id", "email", "synced_at", "digest")

    with Upsert(UserProfile, unique=columns[0], update=columns[1]) as writer:
        writer.fill(writer.pack([(placement.server_id, "anna", placement.pk, "", HOUR, b"")]))
        assert writer.move() == 1
        UserProfile.objects.all().delete()
        writer.fill(writer.pack([]))
        assert writer.move() == 0

    assert not UserProfile.objects.exists()
