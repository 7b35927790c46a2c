"""The client and the emulator, each on its own side of a real socket."""

import queue
import subprocess
import sys
import time
from pathlib import Path

import pytest

import comet
from comet import CometClient, Password, SessionKey
from comet.constants import StreamableEventType
from comet.stream import EventStream
from comet.types import ServerMetaVersionInfo, WebhookOption
from comet.webhooks import read_webhook, register_webhook, remove_webhook
from tests.comet.scripted_server import reply

ADMIN = Password("admin", "correct horse")


@pytest.fixture(scope="module")
def url():
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "comet.emulator", "--port", "0"),
            *("--users", "6", "--days", "2", "--organizations", "1", "--admin", "admin:correct horse"),
        ],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    try:
        word, address, *_ = process.stdout.readline().split()
        assert word == "ready"
        yield address
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()


@pytest.fixture
def client(url):
    with CometClient(url, ADMIN, use_session=True) as client:
        yield client


def test_the_server_says_what_it_is(client):
    assert client.admin_meta_version().authentication_role
    assert client.admin_account_properties().organization_id == ""
    assert client.branding_props().expired_in_seconds > 0


def test_typed_and_raw_reads_agree(client):
    users = client.admin_list_users_full()
    now = int(time.time())
    jobs = client.admin_get_jobs_for_date_range(start=now - 86400, end=now)

    assert len(users) == 6
    assert {element.key for element in client.admin_list_users_full_raw()} == set(users)
    assert jobs
    assert all(job.username in users for job in jobs)
    assert client.admin_get_job_properties(job_id=jobs[0].guid).guid == jobs[0].guid
    assert client.admin_get_job_log_entries(job_id=jobs[0].guid)


def test_a_profile_is_written_only_over_the_version_that_was_read(client):
    name = client.admin_list_users()[0]
    read = client.admin_get_user_profile_and_hash(target_user=name)
    read.profile.account_name = "Renamed"

    client.admin_set_user_profile_hash(
        target_user=name, profile_data=read.profile, require_hash=read.profile_hash
    )

    assert client.admin_get_user_profile(target_user=name).account_name == "Renamed"
    with pytest.raises(comet.Conflict):
        client.admin_set_user_profile_hash(
            target_user=name, profile_data=read.profile, require_hash=read.profile_hash
        )


def test_an_organizations_host_shows_that_organization_alone(client, url):
    (identifier, organization), *_ = client.admin_organization_list().items()
    client.admin_admin_user_new(
        target_user="tenant-admin", target_password="tenant secret", target_org_id=identifier
    )
    credential = Password("tenant-admin", "tenant secret")

    with CometClient(url, credential, host=organization.hosts[0]) as tenant:
        assert tenant.admin_account_properties().organization_id == identifier
    with CometClient(url, credential) as wrong_host, pytest.raises(comet.Forbidden):
        wrong_host.admin_account_properties()


def test_a_wrong_password_and_a_wrong_key_are_refused(url):
    for credential in (Password("admin", "wrong"), SessionKey("admin", "wrong")):
        with CometClient(url, credential) as client, pytest.raises(comet.Forbidden):
            client.admin_meta_version()


async def test_the_event_stream_says_hello(client, url):
    async with EventStream(url, client.start_session()) as stream:
        hello = await anext(aiter(stream))
    with pytest.raises(comet.Forbidden):
        async with EventStream(url, SessionKey("admin", "wrong")):
            pass

    assert hello.event.type == StreamableEventType.META_HELLO
    assert isinstance(hello.typed_data(), ServerMetaVersionInfo)


def test_a_webhook_is_registered_beside_others_greeted_and_removed(client, server):
    posts = queue.Queue()

    def take(request):
        posts.put(request)
        return reply("")

    def entries():
        return {
            element.key: bytes(element.raw) for element in client.call_elements("AdminMetaWebhookOptionsGet")
        }

    server.decides("hook", take)
    theirs = {"URL": "http://127.0.0.1:9/", "CustomHeaders": {"X-A": "b"}, "WhiteListedEventTypes": [4501]}
    client.call("AdminMetaWebhookOptionsSet", WebhookOptions={"theirs": theirs | {"Newer": {"x": [1, None]}}})
    before = entries()
    secret = {"X-Portal-Key": "between us"}
    option = WebhookOption(url=f"{server.url}/api/v1/hook", level="full", custom_headers=secret)

    assert register_webhook(client, "ours", option)

    post = posts.get(timeout=10)
    hello = read_webhook(post.body, post.headers, required_headers=secret)
    assert hello.item.event.type == StreamableEventType.META_HELLO
    assert isinstance(hello.item.typed_data(), ServerMetaVersionInfo)
    together = entries()
    assert together.pop("ours")
    assert together == before

    assert remove_webhook(client, "ours")
    assert entries() == before
    assert not remove_webhook(client, "ours")
