"""A webhook on an emulated Comet Server, set up by the portal that listens on a real port."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from django.urls import reverse

from comet.types import WebhookOption
from portal.audit.models import Entry
from portal.fleet.models import Device
from portal.live.inbox import take_in
from portal.live.models import Event, PostedEvent, StreamLease, WebhookIntake
from portal.live.stream_choice import doubt_of, hear_by_webhook, open_again
from portal.live.tasks import close_gap, read_unfollowed
from portal.live.webhooks import (
    CHECK,
    REMOVE,
    SECRET_HEADER,
    SET_UP,
    intake_of,
    registered_name,
    renew_secret,
    start,
)
from portal.servers import clients
from portal.servers.models import CometServer
from portal.servers.services import unlink_server
from tests.emulated import run_operation, sync
from tests.portal.live.relay_thread import RelayThread
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def address(live_server, linked):
    return live_server.url + reverse("live:webhook-receive", args=[intake_of(linked).key])


def entries(server: Any) -> dict[str, WebhookOption]:
    return clients.for_server(server).admin_meta_webhook_options_get()


def do(kind: str, server: Any, person: Any, address: str = "") -> Any:
    operation = start(kind, server=server, address=address, user=person.user, ip=None)
    return run_operation(operation).items.get()


def test_it_is_set_up_checked_and_removed_and_others_stay(linked, provider, address):
    client = clients.for_server(linked)
    client.admin_meta_webhook_options_set(
        webhook_options={"theirs": WebhookOption(url="http://127.0.0.1:9/x")}
    )

    assert do(SET_UP, linked, provider, address).state == "succeeded"
    name = registered_name(intake_of(linked))
    assert set(entries(linked)) == {"theirs", name}
    wait_for(lambda: take_in(linked.pk))
    assert Event.objects.filter(source="webhook", type=4000).exists()

    checked = do(CHECK, linked, provider)
    assert (checked.state, checked.progress_text) == (
        "succeeded",
        "The entry is there, and a hello posted to its address arrived.",
    )
    assert PostedEvent.objects.filter(tracing_id__startswith="perihelion-check-").count() == 1

    assert do(REMOVE, linked, provider).state == "succeeded"
    assert set(entries(linked)) == {"theirs"}
    assert intake_of(linked).set_up_at is None


def test_a_check_says_what_is_wrong(linked, provider, address):
    assert "is not set up" in do(CHECK, linked, provider).error
    do(SET_UP, linked, provider, address)
    renew_secret(linked, user=provider.user, ip=None)
    do(SET_UP, linked, provider, address)
    WebhookIntake.objects.update(address="http://127.0.0.1:9/nobody")
    assert "Set it up again" in do(CHECK, linked, provider).error
    do(SET_UP, linked, provider, "http://127.0.0.1:9/nobody")
    assert "could not be reached" in do(CHECK, linked, provider).error


def test_setting_it_up_again_writes_nothing_to_the_server(linked, provider, address):
    do(SET_UP, linked, provider, address)
    assert do(SET_UP, linked, provider, address).progress_text == "It was set up like this already."


def test_its_entry_lists_the_chosen_types_and_a_check_says_when_it_lists_others(
    linked, provider, address, settings
):
    do(SET_UP, linked, provider, address)
    settings.EVENT_TYPES = [4153]
    assert "Set it up again" in do(CHECK, linked, provider).error

    do(SET_UP, linked, provider, address)
    listed = entries(linked)[registered_name(intake_of(linked))].white_listed_event_types
    assert {4000, 4102, 4153, 4201} <= set(listed)
    assert 4155 not in listed
    assert do(CHECK, linked, provider).state == "succeeded"


@pytest.mark.parametrize("hosts", [["*"], ["*", "elsewhere.example.com"]])
def test_a_check_posts_to_no_address_that_is_not_allowed(hosts, linked, provider, address, settings):
    """Where any host name will do, the one a webhook is set up with came from whoever did it."""
    do(SET_UP, linked, provider, address)
    settings.ALLOWED_HOSTS = hosts
    settings.ALLOWED_NETWORKS = [f"127.0.0.1/32:{urlsplit(linked.api_url).port}"]
    assert "could not be reached" in do(CHECK, linked, provider).error
    assert not PostedEvent.objects.filter(tracing_id__startswith="perihelion-check-").exists()


def test_a_check_posts_to_a_private_address_that_the_operator_calls_the_portal_s(
    linked, provider, address, settings
):
    do(SET_UP, linked, provider, address)
    settings.ALLOWED_HOSTS = [urlsplit(address).hostname]
    settings.ALLOWED_NETWORKS = [f"127.0.0.1/32:{urlsplit(linked.api_url).port}"]
    assert do(CHECK, linked, provider).state == "succeeded"


def test_unlinking_removes_the_entry_and_leaves_the_others(linked, provider, address):
    client = clients.for_server(linked)
    theirs = {"theirs": WebhookOption(url="http://127.0.0.1:9/x")}
    client.admin_meta_webhook_options_set(webhook_options=theirs)
    do(SET_UP, linked, provider, address)

    item = run_operation(unlink_server(server=linked, user=provider.user)).items.get()

    assert set(client.admin_meta_webhook_options_get()) == {"theirs"}
    assert item.progress_text == "Unlinked. Nothing that the portal made is left on the Comet Server."
    removed = Entry.objects.get(action="webhook.remove", phase="ended")
    assert (removed.outcome, removed.actor) == ("done", provider.user)


def test_unlinking_a_server_that_does_not_answer_names_the_entry_it_leaves(linked, provider, address):
    do(SET_UP, linked, provider, address)
    name = registered_name(intake_of(linked))
    CometServer.objects.update(api_url="http://127.0.0.1:1")

    item = run_operation(unlink_server(server=linked, user=provider.user)).items.get()

    assert item.progress_text.endswith(f"Delete in Comet by hand what the portal made: the webhook {name}.")
    assert not CometServer.objects.exists()


def test_unlinking_a_server_without_a_webhook_asks_it_nothing(linked, provider, emulator):
    CometServer.objects.update(api_url="http://127.0.0.1:1")

    item = run_operation(unlink_server(server=linked, user=provider.user)).items.get()

    assert item.progress_text == "Unlinked. Nothing that the portal made is left on the Comet Server."
    assert not Entry.objects.filter(action="webhook.remove").exists()


def believed(server: Any) -> bool:
    return doubt_of(server, intake_of(server)) is None


def test_what_it_posted_still_counts_where_it_was_set_up_like_this_already(linked, provider, address):
    do(SET_UP, linked, provider, address)
    wait_for(lambda: believed(linked))
    do(SET_UP, linked, provider, address)
    assert believed(linked)


def test_a_server_that_is_heard_by_webhook_alone_is_followed_again_before_that_is_removed(
    linked, provider, address, emulator
):
    do(SET_UP, linked, provider, address)
    wait_for(lambda: believed(linked))
    hear_by_webhook(linked, user=provider.user, ip=None)
    api_url, away = linked.api_url, "http://127.0.0.1:1"
    CometServer.objects.update(api_url=away)

    assert do(REMOVE, linked, provider).state == "failed"
    assert CometServer.objects.get().stream == "never"

    CometServer.objects.update(api_url=api_url)
    hear_by_webhook(linked, user=provider.user, ip=None)
    removed = do(REMOVE, linked, provider)
    assert removed.progress_text == "Removed. Its event stream is opened again."
    assert CometServer.objects.get().stream == "never"
    told = Entry.objects.filter(action="stream.open", phase="begun")
    assert [(one.actor, one.details["because"]) for one in told] == [
        (provider.user, "its webhook was removed")
    ] * 2


def test_a_webhook_alone_is_heard_and_the_relay_lets_go_and_comes_back_within_two_seconds(
    linked, provider, address, emulator
):
    sync(linked, provider.user)
    do(SET_UP, linked, provider, address)
    wait_for(lambda: believed(linked))

    def streams() -> int:
        return int(emulator.order("state")["streams"])

    def run_jobs() -> set[str]:
        named = [
            (one.profile.username, one.device_id) for one in Device.objects.select_related("profile")[:3]
        ]
        orders = [{"username": username, "device_id": device_id} for username, device_id in named]
        return {emulator.order("jobs/start", **order, duration_seconds=1)["guid"] for order in orders}

    with RelayThread():
        wait_for(lambda: CometServer.objects.get().stream == "up")
        gaps = Event.objects.filter(source=Event.Source.PORTAL)
        first = list(gaps.values("pk", "received_at"))
        started = run_jobs()
        hear_by_webhook(linked, user=provider.user, ip=None)
        wait_for(lambda: streams() == 0, seconds=2)
        started |= run_jobs()
        told = Event.objects.filter(type=4200, resource_id__in=started)
        wait_for(lambda: told.count() == 6)
        assert CometServer.objects.get().stream == "off"

        open_again(linked.pk, user=provider.user)
        wait_for(lambda: CometServer.objects.get().stream == "up", seconds=2)
        started |= run_jobs()
        told = Event.objects.filter(type=4200, resource_id__in=started)
        wait_for(lambda: told.exclude(connection=None).count() >= 3)
        wait_for(lambda: told.exclude(posted_at=None).count() == 9)
    assert told.count() == 9
    assert list(gaps.values("pk", "received_at")) == first
    assert StreamLease.objects.get().gap_since is not None


@pytest.mark.parametrize("change", ["removed", "another address", "another secret"])
def test_a_stream_is_opened_again_once_the_webhook_is_gone_at_the_server_itself(
    change, linked, provider, address
):
    sync(linked, provider.user)
    do(SET_UP, linked, provider, address)
    wait_for(lambda: believed(linked))
    hear_by_webhook(linked, user=provider.user, ip=None)
    options, name = entries(linked), registered_name(intake_of(linked))
    match change:
        case "removed":
            del options[name]
        case "another address":
            options[name].url = "http://127.0.0.1:9/elsewhere"
        case "another secret":
            options[name].custom_headers = {SECRET_HEADER: "another"}
    clients.for_server(linked).admin_meta_webhook_options_set(webhook_options=options)

    read_unfollowed()
    close_gap(linked.pk)

    assert CometServer.objects.get().stream == "never"
    assert intake_of(linked).set_up_at is None
    told = Entry.objects.get(action="stream.open", phase="begun")
    assert (told.actor, told.details["because"]) == (None, "its webhook was removed or changed at the server")


def test_a_stream_stays_off_while_the_webhook_stands_at_the_server(linked, provider, address, settings):
    sync(linked, provider.user)
    do(SET_UP, linked, provider, address)
    wait_for(lambda: believed(linked))
    hear_by_webhook(linked, user=provider.user, ip=None)
    settings.EVENT_TYPES = [4153]

    read_unfollowed()
    close_gap(linked.pk)

    assert CometServer.objects.get().stream == "off"
    assert StreamLease.objects.get().gap_since is None
