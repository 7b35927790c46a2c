"""The event stream: its sign-in, its order, what it leaves out, and when it is cut."""

import contextlib
import json

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from tests.comet.emulator import wire_check
from tests.comet.emulator.conftest import EVENT_WITHIN_SECONDS, connect_to
from tests.emulator_process import EmulatorProcess, start_emulator


@pytest.fixture
def sockets():
    with contextlib.ExitStack() as stack:
        yield stack


@pytest.fixture
def device(emulator: EmulatorProcess):
    """(username, DeviceID) of a connected device."""
    live = next(iter(emulator.call("admin/dispatcher/list-active").values()))
    return live["Username"], live["DeviceID"]


def sign_in(connection: ClientConnection, *frames: str) -> str:
    for frame in frames:
        connection.send(frame)
    return connection.recv(timeout=EVENT_WITHIN_SECONDS)


def test_after_five_frames_comes_ok_and_then_the_servers_version(emulator, sockets):
    connection = connect_to(sockets, emulator)

    assert sign_in(connection, "admin", "Password", emulator.admin.password, "", "") == "200 OK"
    hello = json.loads(connection.recv(timeout=EVENT_WITHIN_SECONDS))

    assert (hello["Type"], hello["TypeString"]) == (4000, "SEVT_META_HELLO")
    assert wire_check.faults("StreamableEvent", hello) == []
    assert wire_check.faults("ServerMetaVersionInfo", hello["Data"]) == []


@pytest.mark.parametrize(
    "frames",
    [
        ("admin", "Password", "wrong", "", ""),
        ("nobody", "Password", "wrong", "", ""),
        ("admin", "SessionKey", "", "no-such-key", ""),
        ("", "", "", "", ""),
    ],
)
def test_wrong_credentials_are_told_so_and_closed(emulator, sockets, frames):
    connection = connect_to(sockets, emulator)

    assert sign_in(connection, *frames) == "403 Unauth"
    with pytest.raises(ConnectionClosed):
        connection.recv(timeout=EVENT_WITHIN_SECONDS)


def test_a_session_key_opens_a_stream(emulator, open_stream):
    key = emulator.call("admin/account/session-start")["SessionKey"]

    open_stream(auth_type="SessionKey", password="", session_key=key)


def test_a_job_is_told_when_it_begins_and_when_it_ends(emulator, open_stream, device):
    stream = open_stream(allow_list="4200,4201")
    username, device_id = device
    job = emulator.order("jobs/start", username=username, device_id=device_id, duration_seconds=40)
    begun = stream.wait_for(4200, 4201, resource_id=job["guid"])
    emulator.order("advance", seconds=45)
    ended = stream.wait_for(4200, 4201, resource_id=job["guid"])

    assert (begun["Type"], begun["Data"]["Status"], begun["Data"]["EndTime"]) == (4200, 6001, 0)
    assert (ended["Type"], ended["Data"]["EndTime"]) == (4201, job["ends_at"])
    assert begun["Timestamp"] == begun["Data"]["StartTime"]
    assert ended["Timestamp"] == job["ends_at"]
    for event in (begun, ended):
        assert event["Actor"] == username
        assert wire_check.faults("StreamableEvent", event) == []
        assert wire_check.faults("BackupJobDetail", event["Data"]) == []
    assert ended["Data"] == emulator.call("admin/get-job-properties", JobID=job["guid"])


def test_cancel_is_told_once(emulator, open_stream, device):
    stream = open_stream(allow_list="4201")
    username, device_id = device
    first = emulator.order("jobs/start", username=username, device_id=device_id, duration_seconds=40)["guid"]
    emulator.call("admin/job/cancel", TargetUser=username, JobID=first)
    emulator.order("advance", seconds=60)
    emulator.order("events/emit", Type=4201, ResourceID="the end")

    told = []
    while (event := stream.read())["ResourceID"] != "the end":
        told.append(event)

    assert [event["Data"]["Status"] for event in told if event["ResourceID"] == first] == [7005]


def test_events_rebuild_the_state_the_lists_show(emulator, open_stream):
    stream = open_stream(allow_list="4200,4201,9998")
    jobs = {job["GUID"]: job for job in emulator.call("admin/get-jobs-all")}
    emulator.order("advance", seconds=24 * 3600)
    emulator.order("events/emit", Type=9998)
    order: dict[str, list[int]] = {}
    while (event := stream.read())["Type"] != 9998:
        jobs[event["ResourceID"]] = event["Data"]
        order.setdefault(event["ResourceID"], []).append(event["Type"])

    listed = {job["GUID"]: job for job in emulator.call("admin/get-jobs-all")}

    assert len(order) > 5
    assert set(map(tuple, order.values())) <= {(4200, 4201), (4200,), (4201,)}
    ended = {guid for guid, job in listed.items() if job["EndTime"]}
    assert {guid: jobs[guid] for guid in ended} == {guid: listed[guid] for guid in ended}
    assert listed.keys() <= jobs.keys()


def test_the_allow_list_narrows_the_types(emulator, open_stream):
    stream = open_stream(allow_list="9999,4500")
    emulator.call("admin/account/session-start")
    emulator.order("events/emit", type=9998)
    emulator.order("events/emit", type=9999, Data={"any": "thing"})

    event = stream.read()

    assert (event["Type"], event["Data"]) == (9999, {"any": "thing"})


def test_a_tenant_admin_is_told_its_own_organizations_events(emulator, open_stream):
    guid, organization = next(iter(emulator.call("admin/organization/list").items()))
    account = {"TargetUser": "listener", "TargetPassword": "listener-password", "TargetOrgID": guid}
    emulator.call("admin/admin-user/new", **account)
    host = organization["Hosts"][0]
    stream = open_stream(allow_list="9999", host=host, username="listener", password="listener-password")
    emulator.order("events/emit", type=9999, OwnerOrganizationID="", ResourceID="top level")
    emulator.order("events/emit", type=9999, OwnerOrganizationID="other", ResourceID="foreign")
    emulator.order("events/emit", type=9999, OwnerOrganizationID=guid, ResourceID="own")

    assert stream.read()["ResourceID"] == "own"


def test_sign_ins_are_told_unless_made_by_session_key(emulator, open_stream):
    stream = open_stream(allow_list="4153,4154,4155,4156")
    key = emulator.call("admin/account/session-start")["SessionKey"]
    by_key = {"AuthType": "SessionKey", "SessionKey": key}
    emulator.call("admin/list-users", **by_key)
    emulator.call("admin/list-users", Password="wrong")
    emulator.call("admin/account/session-revoke", **by_key)

    told = [stream.read() for _ in range(4)]

    assert [event["Type"] for event in told] == [4153, 4155, 4154, 4156]
    assert told[0]["ResourceID"] == "/api/v1/admin/account/session-start"
    assert told[1]["Data"]["Username"] == "admin"
    assert key not in json.dumps(told)


def test_changes_of_organizations_and_admins_are_told(emulator, open_stream):
    stream = open_stream(allow_list="4500,4502,4150,4151")
    made = emulator.call(
        "admin/organization/set", Organization='{"Name": "Weir", "Hosts": ["weir.localhost"]}'
    )
    again = '{"Name": "Weir two", "Hosts": ["weir.localhost"]}'
    emulator.call("admin/organization/set", OrganizationID=made["ID"], Organization=again)
    account = {"TargetUser": "weir-admin", "TargetPassword": "weir-password", "TargetOrgID": made["ID"]}
    emulator.call("admin/admin-user/new", **account)
    emulator.call("admin/admin-user/delete", TargetUser="weir-admin")

    new, updated, admin_new, admin_gone = [stream.read() for _ in range(4)]

    assert [e["Type"] for e in (new, updated, admin_new, admin_gone)] == [4500, 4502, 4150, 4151]
    assert (new["ResourceID"], updated["Data"]["Name"]) == (made["ID"], "Weir two")
    assert wire_check.faults("AllowedAdminUser", admin_new["Data"]) == []
    assert admin_new["Data"]["Password"] == ""
    assert admin_gone["OwnerOrganizationID"] == made["ID"]


def test_devices_come_and_go(emulator, open_stream):
    stream = open_stream(allow_list="4702,4703,9998")
    online = {live["DeviceID"] for live in emulator.call("admin/dispatcher/list-active").values()}
    before = emulator.call("admin/dispatcher/list-active").keys()
    emulator.order("advance", seconds=8 * 3600)
    emulator.order("events/emit", type=9998)
    seen = set()
    while (event := stream.read())["Type"] != 9998:
        device_id = event["ResourceID"]
        assert (device_id in online) == (event["Type"] == 4703)
        online ^= {device_id}
        seen.add(device_id)
        assert wire_check.faults("DeviceConfig", event["Data"]) == []

    after = emulator.call("admin/dispatcher/list-active")

    assert seen
    assert {live["DeviceID"] for live in after.values()} == online
    assert not before & after.keys()


def test_a_slow_reader_is_cut_and_costs_nobody_else():
    with start_emulator(stream_queue=20) as emulator, contextlib.ExitStack() as stack:
        account = ("admin", "Password", emulator.admin.password, "", "")
        slow = connect_to(stack, emulator, "9999")
        assert sign_in(slow, *account) == "200 OK"
        fast = connect_to(stack, emulator, "9997")
        assert sign_in(fast, *account) == "200 OK"
        sent = 0
        while emulator.order("state")["streams"] == 2 and sent < 400:
            emulator.order("events/emit", type=9999, Data="x" * 250_000)
            sent += 1

        assert emulator.order("state")["streams"] == 1
        read = 0
        with pytest.raises(ConnectionClosed):
            while True:
                slow.recv(timeout=EVENT_WITHIN_SECONDS)
                read += 1
        assert 0 < read < sent
        emulator.order("events/emit", type=9997)
        assert json.loads(fast.recv(timeout=EVENT_WITHIN_SECONDS))["Type"] == 4000
        assert json.loads(fast.recv(timeout=EVENT_WITHIN_SECONDS))["Type"] == 9997


def test_an_expired_session_is_told(emulator, open_stream):
    stream = open_stream(allow_list="4157,4107")
    user = emulator.call("admin/list-users")[0]
    emulator.call("admin/account/session-start")
    emulator.call("admin/account/session-start-as-user", TargetUser=user)
    emulator.order("advance", seconds=1801)

    told = {event["Type"]: event["Actor"] for event in (stream.read(), stream.read())}

    assert told == {4157: "admin", 4107: user}
