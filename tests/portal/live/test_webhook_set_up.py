"""A webhook on an emulated Comet Server, set up by the portal that listens on a real port."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from django.urls import reverse

from comet.types import WebhookOption
from portal.audit.models import Entry
from portal.live.inbox import take_in
from portal.live.models import Event, PostedEvent, WebhookIntake
from portal.live.webhooks import CHECK, REMOVE, SET_UP, intake_of, registered_name, renew_secret, start
from portal.servers import clients
from portal.servers.models import CometServer
from portal.servers.services import unlink_server
from tests.emulated import run_operation
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
