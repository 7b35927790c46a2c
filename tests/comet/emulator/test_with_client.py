"""The typed client and its event stream, against the emulator."""

import asyncio

import pytest

import comet
from comet.stream import EventStream, StreamedEvent
from tests.emulator_process import EmulatorProcess

EVENT_WITHIN_SECONDS = 10


@pytest.fixture
def client(emulator: EmulatorProcess):
    with comet.CometClient(emulator.url, comet.Password("admin", emulator.admin.password)) as client:
        yield client


def test_profiles_jobs_and_connections_are_decoded(client):
    profiles = client.admin_list_users_full()
    jobs = client.admin_get_jobs_recent()
    active = client.admin_dispatcher_list_active()

    assert len(profiles) == 8
    assert {job.username for job in jobs} <= profiles.keys()
    assert {live.username for live in active.values()} <= profiles.keys()


def test_a_profile_is_read_changed_and_written(client):
    name = client.admin_list_users()[0]
    read = client.admin_get_user_profile_and_hash(target_user=name)
    read.profile.account_name = "By the typed client"

    client.admin_set_user_profile_hash(
        target_user=name, profile_data=read.profile, require_hash=read.profile_hash
    )

    assert client.admin_get_user_profile(target_user=name).account_name == "By the typed client"
    with pytest.raises(comet.Conflict):
        client.admin_set_user_profile_hash(
            target_user=name, profile_data=read.profile, require_hash=read.profile_hash
        )


def test_a_session_is_used_in_place_of_the_password(emulator, open_stream):
    stream = open_stream(allow_list="4153,4155,9998")
    password = comet.Password("admin", emulator.admin.password)
    with comet.CometClient(emulator.url, password, use_session=True) as client:
        for _ in range(3):
            client.admin_meta_version()
    emulator.order("events/emit", type=9998)

    told = [stream.read()["Type"] for _ in range(3)]

    assert told == [4153, 4155, 9998]


def test_a_tenant_admin_is_reached_by_host(emulator, client):
    organization_id, organization = next(iter(client.admin_organization_list().items()))
    client.admin_admin_user_new(
        target_user="typed", target_password="typed-password", target_org_id=organization_id
    )
    password = comet.Password("typed", "typed-password")

    with comet.CometClient(emulator.url, password, host=organization.hosts[0]) as tenant:
        assert tenant.admin_account_properties().organization_id == organization_id
    with comet.CometClient(emulator.url, password) as wrong_host, pytest.raises(comet.Forbidden):
        wrong_host.admin_account_properties()


def test_events_are_read_as_their_types(emulator, client):
    live = next(iter(client.admin_dispatcher_list_active().values()))

    async def first_job() -> StreamedEvent:
        password = comet.Password("admin", emulator.admin.password)
        async with EventStream(emulator.url, password, allow_list=[4200]) as stream:
            order = {"username": live.username, "device_id": live.device_id}
            await asyncio.to_thread(emulator.order, "jobs/start", **order)
            async for item in stream:
                assert isinstance(item, StreamedEvent)
                if item.event.type == 4200:
                    return item
        raise AssertionError

    event = asyncio.run(asyncio.wait_for(first_job(), EVENT_WITHIN_SECONDS))

    assert event.typed_data().device_id == live.device_id
