"""What is noted whenever a server tells something about itself."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from comet.types import LicenseLimits, ServerMetaVersionInfo
from comet.types import Organization as WireOrganization
from portal.servers.bookkeeping import apply_organizations, note_version
from portal.servers.models import CometServer, Organization, Placement
from tests.factories import CometServerFactory

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def told(start="one", *, drift=0, **changes):
    return ServerMetaVersionInfo(
        version="25.9.8",
        server_start_hash=start,
        server_start_time=int(NOW.timestamp()) - 60,
        current_time=int(NOW.timestamp()) + drift,
        configured_devices=12,
        server_license_limit=LicenseLimits(device_count=50),
        **changes,
    )


@pytest.fixture(autouse=True)
def _at_noon():
    with time_machine.travel(NOW, tick=False):
        yield


def test_version_licence_and_drift_are_stored():
    server = CometServerFactory()

    note_version(server, told(drift=-90))

    server = CometServer.objects.get()
    assert (server.version, server.clock_drift_ms, server.started_at) == (
        "25.9.8",
        -90_000,
        NOW - timedelta(minutes=1),
    )
    assert (server.devices_configured, server.device_limit, server.devices_left) == (12, 50, 38)


def test_a_restart_is_counted_once_however_many_see_it():
    server = CometServerFactory()
    note_version(server, told("one"))
    seen_by_two = [CometServer.objects.get(), CometServer.objects.get()]

    for each in seen_by_two:
        note_version(each, told("two"))

    assert CometServer.objects.get().restarts == 1


def test_what_is_posted_tells_no_drift_and_nothing_of_an_earlier_start():
    server = CometServerFactory()
    earlier = told("one", drift=-7200)
    note_version(server, told("one", drift=-90))
    later = told("two", drift=-7200, license_valid_until=1)
    later.server_start_time += 30

    restarted = [note_version(CometServer.objects.get(), each, posted=True) for each in (later, earlier)]

    server = CometServer.objects.get()
    assert restarted == [True, False]
    assert (server.restarts, server.start_hash, server.clock_drift_ms) == (1, "two", -90_000)


def test_an_answer_is_believed_after_a_clock_was_set_back():
    server = CometServerFactory(start_hash="one", started_at=NOW + timedelta(hours=2))

    assert note_version(server, told("two"))

    assert CometServer.objects.get().started_at == NOW - timedelta(minutes=1)


def test_organizations_come_and_go_and_their_placements_stay():
    server = CometServerFactory()
    both = {
        "a": WireOrganization(name="Quill", hosts=["quill.example.com", "other.example.com"]),
        "b": WireOrganization(name="", hosts=None, is_suspended=True),
    }

    apply_organizations(server, both)
    apply_organizations(server, {"a": both["a"]})

    organization = Organization.objects.get()
    assert (organization.name, organization.host) == ("Quill", "quill.example.com")
    assert set(Placement.objects.values_list("organization_id", flat=True)) == {"*", "", "a", "b"}


@pytest.mark.parametrize(
    "host",
    [
        "evil.example; script-src-elem *",
        "evil.example:8060",
        "evil.example/path",
        "name@evil.example",
        "evil.example\r\nX-Header: 1",
        "x" * 254,
        "",
    ],
)
def test_of_an_organizations_hosts_only_a_plain_name_is_kept(host):
    server = CometServerFactory()

    apply_organizations(server, {"a": WireOrganization(name="Quill", hosts=[host, "quill.example.com"])})
    assert Organization.objects.get().host == "quill.example.com"

    apply_organizations(server, {"a": WireOrganization(name="Quill", hosts=[host])})
    assert Organization.objects.get().host == ""
