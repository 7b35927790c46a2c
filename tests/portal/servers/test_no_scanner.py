"""Linking is no way to look around in the network the portal stands in."""

import socket
import time
from datetime import timedelta
from types import SimpleNamespace

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from portal.audit.models import Entry
from portal.core.addresses import WatchingGuard
from portal.servers import attempts, clients, linking
from portal.servers.errors import LinkRefused
from portal.servers.models import CometServer
from tests.emulated import link

pytestmark = pytest.mark.django_db


@pytest.fixture
def silent():
    """A port where connections are taken and nothing is ever said."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def quick(monkeypatch):
    """Budgets of a second, not of six; gives the pauses by which failures were made to last as long."""
    monkeypatch.setattr(linking, "EVEN_SECONDS", 1.0)
    budgets = clients.BUDGETS
    monkeypatch.setitem(budgets, "link_blind", {"timeout": 0.4, "connect_timeout": 0.3, "read_timeout": 0.3})
    pauses = []

    def sleep(seconds):
        pauses.append(seconds)
        time.sleep(seconds)

    monkeypatch.setattr(linking, "time", SimpleNamespace(monotonic=time.monotonic, sleep=sleep))
    return pauses


def told(emulator, who, api_url) -> tuple[str, float]:
    """What the form says, and after how many seconds."""
    began = time.monotonic()
    with pytest.raises(LinkRefused) as caught:
        link(emulator, who, api_url=api_url)
    return caught.value.message, time.monotonic() - began


def test_a_reseller_is_told_one_thing_after_one_time_whatever_is_there(emulator, reseller, silent, quick):
    addresses = [
        "http://127.0.0.1:1",  # refused
        "http://10.1.2.3:8060",  # not allowed
        "http://169.254.169.254",  # never allowed
        "http://no-such-name.invalid",
        silent,
        silent.replace("http:", "https:"),
    ]

    answers = [told(emulator, reseller, address) for address in addresses]

    assert {message for message, _ in answers} == {linking.NOT_REACHED}
    assert all(seconds >= 1.0 for _, seconds in answers), answers
    assert len(quick) == len(addresses)
    assert all(pause > 0 for pause in quick), "what took longer than all take tells what is there"
    assert not CometServer.objects.exists()


def test_the_audit_tells_a_reseller_no_more_than_the_form(emulator, reseller, quick):
    told(emulator, reseller, "http://10.1.2.3:8060")

    ended = Entry.objects.get(action="server.link", phase="ended")
    assert "private network" not in str(vars(ended))


def test_who_links_everywhere_is_told_what_is_wrong(emulator, provider):
    assert "connection was refused" in told(emulator, provider, "http://127.0.0.1:1")[0]
    assert "may not connect" in told(emulator, provider, "http://10.1.2.3:8060")[0]


def test_a_reseller_is_told_what_a_comet_server_says(emulator, reseller):
    with pytest.raises(LinkRefused, match="wrong name or password"):
        link(emulator, reseller, password="not-the-password")


def test_public_addresses_are_known_from_private_ones():
    guard = WatchingGuard()
    assert not guard.met_public_ones_alone
    guard("8.8.8.8", 443)
    assert guard.met_public_ones_alone
    guard("127.0.0.1", 443)  # allowed by the settings of this test
    assert not guard.met_public_ones_alone


def test_tries_are_limited_by_person_and_the_form_says_for_how_long(emulator, provider, monkeypatch):
    monkeypatch.setattr(attempts, "BY_PERSON", (2, timedelta(minutes=5)))
    client = provider.client()
    form = {
        "name": "fr-par-1",
        "api_url": "http://127.0.0.1:1",
        "username": "admin",
        "password": "wrong-password",
        "own_admin": "auto",
        "tenant": provider.tenant.pk,
    }
    url = reverse("servers:server-link")
    assert [client.post(url, form).status_code for _ in range(3)] == [422, 422, 429]

    response = client.post(url, form)

    assert "Try again in 5 minutes" in response.content.decode()
    assert 1 <= int(response["Retry-After"]) <= 300
    with time_machine.travel(timezone.now() + timedelta(minutes=5, seconds=1)):
        assert client.post(url, form).status_code == 422


def test_tries_are_limited_by_tenant_too(emulator, reseller, provider, monkeypatch):
    monkeypatch.setattr(attempts, "BY_TENANT", (1, timedelta(hours=1)))
    link(emulator, reseller)

    with pytest.raises(LinkRefused, match="Try again in 60 minutes"):
        link(emulator, reseller, name="another")
    with pytest.raises(LinkRefused, match="linked already"):
        link(emulator, provider, name="another")
