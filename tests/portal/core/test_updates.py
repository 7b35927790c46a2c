from datetime import UTC, datetime

import pytest

from portal.core.updates import update_values
from portal.fleet.models import Device
from tests.factories import DeviceFactory

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_each_row_gets_its_own_values_and_others_keep_theirs(django_assert_num_queries):
    one, two, other = DeviceFactory(name="one"), DeviceFactory(name="two"), DeviceFactory(name="other")

    with django_assert_num_queries(1):
        update_values(
            Device,
            ["name", "last_job_at", "allows_filenames", "profile"],
            [
                ('it\'s "%s" ünï', None, True, one.profile_id, one.pk),
                ("new", NOON, False, other.profile_id, two.pk),
            ],
        )

    stored = Device.objects.in_bulk()
    assert (stored[one.pk].name, stored[one.pk].last_job_at) == ('it\'s "%s" ünï', None)
    assert (stored[two.pk].name, stored[two.pk].last_job_at) == ("new", NOON)
    assert (stored[one.pk].allows_filenames, stored[two.pk].allows_filenames) == (True, False)
    assert (stored[one.pk].profile, stored[two.pk].profile) == (one.profile, other.profile)
    assert stored[two.pk].os_version == two.os_version
    assert stored[other.pk].name == "other"


def test_no_rows_ask_nothing(django_assert_num_queries):
    with django_assert_num_queries(0):
        update_values(Device, ["name"], [])
