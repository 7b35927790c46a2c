"""Every type of event is told by the change that causes it, once, with what behaviour says it carries."""

import contextlib
import json

import pytest

from tests.comet.conformance.world import World, document
from tests.comet.emulator import wire_check
from tests.comet.emulator.conftest import START_AT, Stream, connect_to
from tests.emulator_process import start_emulator

NAMES = {entry["value"]: entry["name"] for entry in wire_check.description()["events"]["types"]}
DATA = {
    4000: "ServerMetaVersionInfo",
    4100: "UserProfileConfig",
    4102: "UserProfileConfig",
    4150: "AllowedAdminUser",
    4152: "AllowedAdminUser",
    4200: "BackupJobDetail",
    4201: "BackupJobDetail",
    4403: "ServerConfigOptions",
    4500: "Organization",
    4502: "Organization",
    4600: "GroupPolicy",
    4602: "GroupPolicy",
    4700: "DeviceConfig",
}


@pytest.fixture(scope="module")
def emulator():
    with start_emulator(users=20, jobs_per_day=80, days=3, start_at=START_AT, session_seconds=900) as process:
        yield process


@pytest.fixture(scope="module")
def world(emulator):
    return World(emulator)


def test_each_type_is_told_by_its_change(world, emulator, open_stream):
    stream = open_stream()
    seen: dict[int, dict] = {}

    def expect(*types: int) -> None:
        for kind in types:
            seen[kind] = stream.wait_for(kind)
            assert seen[kind]["TypeString"] == NAMES[kind]
            if kind in DATA:
                assert wire_check.faults(DATA[kind], seen[kind]["Data"]) == [], kind

    name = world.user()
    expect(4153, 4100)
    changed = {**world.profile(name), "AccountName": "Changed"}
    world.call("admin/set-user-profile", TargetUser=name, ProfileData=json.dumps(changed))
    expect(4102)
    user = world.as_user(name)
    key = world.session("user/web/session/start", **user)
    expect(4103, 4105)
    world.call("user/web/session/revoke", **key)
    expect(4106)
    emulator.call("user/web/session/start", **{**user, "Password": "wrong"})
    expect(4104)
    world.session("user/web/session/start", **user)
    world.session()
    expect(4155)
    revoked = world.session()
    world.call("admin/account/session-revoke", **revoked)
    expect(4156)
    emulator.order("advance", seconds=1000)
    expect(4107, 4157)
    admin = world.admin()
    expect(4150)
    emulator.call("admin/meta/version", **{**admin, "Password": "wrong"})
    expect(4154)
    security = world.call("admin/account/properties", **admin)["Security"]
    world.call("admin/account/set-properties", Security=json.dumps(security), **admin)
    expect(4152)
    world.call("admin/admin-user/delete", TargetUser=admin["Username"])
    expect(4151)
    policy = world.policy()
    expect(4600)
    world.call("admin/policies/set", PolicyID=policy, Policy=document("GroupPolicy", Description="x"))
    expect(4602)
    world.call("admin/policies/delete", PolicyID=policy)
    expect(4601)
    group = world.group()
    expect(4800)
    world.call("admin/user-groups/set", GroupID=group, Group=document("UserGroup", Name="y"))
    expect(4802)
    world.call("admin/user-groups/delete", GroupID=group)
    expect(4801)
    quota = world.quota()
    expect(4803)
    given = document("SharedStorageQuota", LimitBytes=9)
    world.call("admin/squota/set-with-hash", SharedStorageQuotaID=quota, SharedStorageQuota=given)
    expect(4805)
    world.call("admin/squota/delete", SharedStorageQuotaID=quota)
    expect(4804)
    bucket = world.bucket()
    expect(4300)
    assert seen[4300]["Data"] == bucket
    world.call("admin/storage/delete-bucket", BucketID=bucket)
    expect(4301)
    organization = world.organization()
    expect(4500)
    record = world.call("admin/organization/list")[organization]
    world.call("admin/organization/set", OrganizationID=organization, Organization=json.dumps(record))
    expect(4502)
    world.call("admin/organization/delete", OrganizationID=organization)
    expect(4501)
    lobby = list(world.call("admin/installation/list-active"))
    world.call("admin/installation/dispatch/drop-connection", DeviceID=lobby[0])
    expect(4705)
    emulator.order("advance", seconds=60)
    expect(4704)
    registered = {"TargetUser": name, "TargetPassword": "made-password", "TargetTOTPCode": ""}
    world.call("admin/installation/dispatch/register-device", DeviceID=lobby[-1], **registered)
    expect(4700, 4702)
    world.call("admin/revoke-device", TargetUser=name, TargetDevice=lobby[-1])
    expect(4703, 4701)
    world.call("admin/delete-user", TargetUser=name)
    expect(4101)
    assert seen[4101]["Data"] == name
    live = next(iter(world.call("admin/dispatcher/list-active").values()))
    order = {"username": live["Username"], "device_id": live["DeviceID"], "duration_seconds": 5}
    guid = emulator.order("jobs/start", **order)["guid"]
    seen[4200] = stream.wait_for(4200, resource_id=guid)
    assert seen[4200]["Data"]["GUID"] == guid
    emulator.order("advance", seconds=6)
    seen[4201] = stream.wait_for(4201, resource_id=guid)
    assert seen[4201]["Data"]["EndTime"] > 0
    with emulator.restarting():
        config = world.call("admin/meta/server-config/get")
        audit = json.loads(document("FileOption", Filename="told", AllowEventTypes=[4400, 4402]))
        config["AuditFileOptions"] = {"own": audit}
        world.call("admin/meta/server-config/set", Config=json.dumps(config))
        expect(4403, 4401)
    world.call("admin/meta/shutdown-service")
    emulator.order("down")
    emulator.order("start")
    [told] = (emulator.data / "audit").iterdir()  # nobody can listen while the server starts or ends
    for event in map(json.loads, told.read_text("utf-8").splitlines()):
        seen[event["Type"]] = event
    seen[4000] = hello(emulator)

    assert {NAMES[kind] for kind in NAMES.keys() - seen.keys()} == set()
    for kind, event in seen.items():
        assert event["TypeString"] == NAMES[kind]
        if kind in DATA:
            assert wire_check.faults(DATA[kind], event["Data"]) == [], kind
    for kind in (4105, 4155):
        assert seen[kind]["Data"]["Username"]


def hello(emulator) -> dict:
    """The first event of a stream."""
    with contextlib.ExitStack() as stack:
        connection = connect_to(stack, emulator)
        for frame in (emulator.admin.name, "Password", emulator.admin.password, "", ""):
            connection.send(frame)
        assert connection.recv(timeout=10) == "200 OK"
        return Stream(connection).read()


def test_every_type_whose_data_is_described_is_checked_for_it():
    described = {e["value"]: e["data"]["type"] for e in wire_check.description()["events"]["types"]}
    structures = {value: name for value, name in described.items() if name not in (None, "string")}

    assert structures.items() <= DATA.items()
    assert {value for value, name in described.items() if name == "string"} == {4101, 4300}
    constants = wire_check.description()["constants"]
    sevt = {c["value"] for c in constants if c["name"].startswith("SEVT_") and not c["marker"]}
    assert sevt == NAMES.keys()
