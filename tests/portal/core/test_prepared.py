"""A query that is put together once finds what the ORM finds, with the same values."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from portal.core.prepared import Prepared
from portal.fleet.models import Device
from portal.live.models import Event, WebhookIntake
from tests.factories import CometServerFactory, DeviceFactory, PlacementFactory

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)

_devices = Prepared(
    lambda server, names: (
        Device.objects.filter(server=server, name__any_of=names)
        .order_by("name")
        .values_list("pk", "name", "last_job_at", "allows_filenames", "profile__username")
    )
)
_intakes = Prepared(
    lambda key: WebhookIntake.objects.filter(key=key, set_up_at=None).values_list("key", "server")
)


def test_each_call_has_its_own_values_and_rows_come_as_the_fields_give_them():
    one = DeviceFactory(name='it\'s "%s" ünï', last_job_at=NOON, allows_filenames=False)
    two = DeviceFactory(name="two", server=one.server)
    elsewhere = DeviceFactory(name="two")

    assert _devices(one.server_id, {one.name, "two"}) == [
        (one.pk, one.name, NOON, False, one.profile.username),
        (two.pk, "two", None, True, two.profile.username),
    ]
    assert _devices(elsewhere.server_id, ["two"]) == [
        (elsewhere.pk, "two", None, True, elsewhere.profile.username)
    ]


def test_no_values_find_nothing():
    device = DeviceFactory()
    assert _devices(device.server_id, set()) == []


def test_a_uuid_is_looked_for_and_given_back_as_one():
    intake = WebhookIntake.objects.create(server=CometServerFactory(), secret="a secret")
    assert _intakes(intake.key) == [(intake.key, intake.server_id)]
    assert _intakes(uuid4()) == []


def test_every_call_is_one_query(django_assert_num_queries):
    device = DeviceFactory()
    with django_assert_num_queries(3):
        for _ in range(3):
            _devices(device.server_id, {device.name})


def test_decoded_json_comes_back_decoded():
    placement = PlacementFactory()
    data = {"text": 'ünï "%s" \\', "list": [1, 2.5, None, True, 2**70]}
    event = Event.objects.create(
        server=placement.server, placement=placement, received_at=NOON, happened_at=NOON, type=1, data=data
    )
    told = Prepared(lambda pk: Event.objects.filter(pk=pk).values_list("data", "connection", "received_at"))
    assert told(event.pk) == [(data, None, NOON)]
