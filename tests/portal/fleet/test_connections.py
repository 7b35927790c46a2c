"""Which Devices count as connected, by lists and by events."""

from datetime import timedelta

import pytest
from django.utils import timezone

from comet.types import LiveUserConnection
from portal.fleet.connections import ConnectionChange, apply_connection_changes, apply_connections
from tests.factories import DeviceFactory

pytestmark = pytest.mark.django_db


def live(device, *, since=1, version="25.9.8"):
    return LiveUserConnection(
        username=device.profile.username,
        device_id=device.device_id,
        connection_time=since,
        reported_version=version,
        reported_platform="linux/arm64",
        allows_filenames=True,
    )


def listed(server, connections, *, minute):
    """A list that was asked for so many minutes from now."""
    apply_connections(server, connections, read_at=timezone.now() + timedelta(minutes=minute))


def test_a_device_with_two_connections_takes_what_the_newest_reports():
    device = DeviceFactory(connections=0)

    changed = apply_connections(
        device.server, {"old": live(device, since=5, version="25.3.0"), "new": live(device, since=9)}
    )

    device.refresh_from_db()
    assert changed == 1
    assert (device.connections, device.client_version, device.platform) == (2, "25.9.8", "linux/arm64")
    assert device.last_seen_at is not None


def test_a_device_is_offline_only_after_two_lists_without_it():
    seen_at = timezone.now() - timedelta(hours=1)
    device = DeviceFactory(connections=1, last_seen_at=seen_at)

    listed(device.server, {}, minute=0)
    device.refresh_from_db()
    assert device.is_online
    assert device.last_seen_at == seen_at

    listed(device.server, {}, minute=1)
    device.refresh_from_db()
    assert not device.is_online


def test_two_lists_without_it_in_one_moment_count_as_one():
    device = DeviceFactory(connections=1)
    for _ in range(3):
        listed(device.server, {}, minute=0)
    device.refresh_from_db()
    assert device.is_online


def test_lists_within_seconds_of_each_other_count_as_one():
    device = DeviceFactory(connections=1)
    for seconds in (0, 12, 24):
        listed(device.server, {}, minute=seconds / 60)
    device.refresh_from_db()
    assert device.is_online

    listed(device.server, {}, minute=1)
    device.refresh_from_db()
    assert not device.is_online


def test_a_list_from_before_its_connection_is_no_miss():
    device = DeviceFactory(connections=0)
    told(device, connected=True, ago=0)
    listed(device.server, {}, minute=-1)
    listed(device.server, {}, minute=1)
    device.refresh_from_db()
    assert device.is_online


def test_a_clock_that_was_set_back_keeps_no_device_online():
    device = DeviceFactory(connections=1, presence_at=timezone.now() + timedelta(hours=1))
    listed(device.server, {}, minute=0)
    listed(device.server, {}, minute=1)
    device.refresh_from_db()
    assert not device.is_online


def test_one_list_with_it_forgives_the_one_without():
    device = DeviceFactory(connections=1)

    listed(device.server, {}, minute=0)
    listed(device.server, {"c": live(device)}, minute=1)
    listed(device.server, {}, minute=2)

    device.refresh_from_db()
    assert device.is_online


def test_one_device_id_under_two_users_is_two_devices():
    one = DeviceFactory(connections=0)
    other = DeviceFactory(
        connections=0, device_id=one.device_id, profile__server=one.server, profile__username="other"
    )

    apply_connections(one.server, {"c": live(one)})

    one.refresh_from_db()
    other.refresh_from_db()
    assert (one.connections, other.connections) == (1, 0)
    listed(one.server, {}, minute=1)
    listed(one.server, {}, minute=2)
    changes = [ConnectionChange(name, one.device_id, connected=True) for name in ("", "other")]
    apply_connection_changes(one.server, changes)
    one.refresh_from_db()
    other.refresh_from_db()
    assert (one.connections, other.connections) == (0, 1)


def test_lists_and_events_leave_other_servers_alone():
    device, elsewhere = DeviceFactory(connections=1), DeviceFactory(connections=1)

    listed(device.server, {}, minute=0)
    listed(device.server, {}, minute=1)

    device.refresh_from_db()
    assert not device.is_online
    elsewhere.refresh_from_db()
    assert elsewhere.is_online


@pytest.mark.parametrize(
    ("events", "connections"),
    [([True], 1), ([True, True], 1), ([True, False], 0), ([False], 0), ([False, True], 1)],
)
def test_events_give_and_take_connections_and_never_go_below_none(events, connections):
    device = DeviceFactory(connections=0)
    name = device.profile.username
    changes = [ConnectionChange(name, device.device_id, connected) for connected in events]

    apply_connection_changes(device.server, [*changes, ConnectionChange(name, "unknown", connected=True)])

    device.refresh_from_db()
    assert device.connections == connections


def told(device, *, connected, ago):
    """An event of so many seconds ago arrives now."""
    at = timezone.now() - timedelta(seconds=ago)
    apply_connection_changes(
        device.server, [ConnectionChange(device.profile.username, device.device_id, connected, at)]
    )
    device.refresh_from_db()


def test_a_disconnect_that_comes_after_the_newer_connect_changes_nothing():
    device = DeviceFactory(connections=1)

    told(device, connected=True, ago=10)
    told(device, connected=False, ago=20)
    assert device.connections == 1

    told(device, connected=False, ago=5)
    assert device.connections == 0


def test_an_event_from_before_a_list_changes_nothing_that_the_list_told():
    device = DeviceFactory(connections=0)
    apply_connections(device.server, {"c": live(device)})

    told(device, connected=False, ago=20)
    assert device.connections == 1

    told(device, connected=False, ago=0)
    assert device.connections == 0


def test_an_event_from_the_future_hides_none_that_follows():
    device = DeviceFactory(connections=0)

    told(device, connected=True, ago=-3600)
    told(device, connected=False, ago=-10)

    assert device.connections == 0
