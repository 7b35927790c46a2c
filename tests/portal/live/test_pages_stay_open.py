"""What keeps an open page honest: one socket, a heartbeat, its session read again, its own topics."""

import re
import time

import pytest
from django.contrib.sessions.models import Session
from websockets.exceptions import ConnectionClosed

from portal.core.events import publish
from portal.live import hub as hub_module
from portal.live.hub import BEAT, CARE_SECONDS, CARE_SETTLE_SECONDS, RECHECK_SECONDS
from portal.tenants.models import Tenant
from tests.environment.bad_line import BadLine
from tests.environment.portal import ROOT
from tests.factories import (
    CometServerFactory,
    DeviceFactory,
    EventFactory,
    JobFactory,
    OperationFactory,
    TenantFactory,
)
from tests.portal.live.live_portal import LivePortal

IDLE_SECONDS = 0.8


def changed(device):
    publish("device.changed", tenant_id=device.tenant_id, device=device.pk, server=device.server_id)


def test_behind_a_proxy_that_cuts_idle_sockets_the_ping_keeps_a_quiet_page(transactional_db, provider):
    with (
        LivePortal(ping_seconds=IDLE_SECONDS / 4) as portal,
        BadLine(portal.port, idle_seconds=IDLE_SECONDS) as line,
        portal.joined(provider, "activity", port=line.port) as browser,
    ):
        with pytest.raises(TimeoutError):
            browser.socket.recv(timeout=IDLE_SECONDS * 2.5)
        event = EventFactory()
        publish("activity.added", tenant_id=event.tenant_id, event=event.pk, server=event.server_id)
        browser.frame_with(event.summary)


def test_without_the_ping_that_proxy_does_cut_it(live_portal, provider):
    with (
        BadLine(live_portal.port, idle_seconds=IDLE_SECONDS) as line,
        live_portal.joined(provider, "activity", port=line.port) as browser,
        pytest.raises(ConnectionClosed),
    ):
        browser.socket.recv(timeout=10)


@pytest.mark.parametrize("name", ["Procfile", "Dockerfile"])
def test_the_web_server_pings_more_often_than_proxies_lose_patience(name):
    """Nginx and most balancers wait for 60 s. Each ping costs as much as ten frames."""
    [interval] = re.findall(r"--ws-ping-interval\W+(\d+)", (ROOT / name).read_text())
    assert 30 <= int(interval) <= 50


def test_a_page_hears_something_even_when_nothing_happens(transactional_db, provider, monkeypatch):
    monkeypatch.setattr(hub_module, "BEAT_SECONDS", 0.0)
    monkeypatch.setattr(hub_module, "CARE_SECONDS", 0.05)
    monkeypatch.setattr(hub_module, "CARE_SETTLE_SECONDS", 0.05)
    with LivePortal() as portal, portal.joined(provider, "jobs") as browser:
        assert [browser.frame().html for _ in range(2)] == [BEAT, BEAT]


def test_a_session_is_read_again_by_itself(transactional_db, provider, monkeypatch):
    monkeypatch.setattr(hub_module, "RECHECK_SECONDS", 0.1)
    monkeypatch.setattr(hub_module, "CARE_SECONDS", 0.1)
    with LivePortal() as portal, portal.joined(provider, "jobs") as browser:
        Session.objects.all().delete()  # nobody says so
        began = time.monotonic()
        assert browser.close_code() == 4401
        assert time.monotonic() - began < 3


def test_that_is_at_least_every_minute():
    assert RECHECK_SECONDS * 1.2 + CARE_SECONDS + CARE_SETTLE_SECONDS <= 60


def test_the_page_of_a_tenant_hears_of_devices_there_and_below_and_of_no_others(
    live_portal, provider, reseller, customer, outsider
):
    below = TenantFactory(parent=customer.tenant)
    devices = [DeviceFactory(tenant=tenant) for tenant in (reseller.tenant, customer.tenant, below)]
    foreign = DeviceFactory(tenant=outsider.tenant)
    with live_portal.joined(provider, f"tenant:{reseller.tenant.pk}") as browser:
        for device in (foreign, *devices):
            changed(device)
        told = set()
        while len(told) < len(devices):
            told |= set(browser.frame_with("live-marks").marks["devices"])
        assert told == {device.pk for device in devices}


def test_the_page_of_the_whole_tree_hears_of_all_that_its_reader_may_see(
    live_portal, provider, kept_out, customer
):
    root = Tenant.objects.get(parent=None)
    hidden = DeviceFactory(tenant=customer.tenant)
    with (
        live_portal.joined(provider, f"tenant:{root.pk}") as above,
        live_portal.joined(kept_out, f"tenant:{root.pk}") as beside,
    ):
        changed(hidden)
        assert above.frame_with("live-marks").marks["devices"] == [hidden.pk]
        assert beside.all_frames() == ""


def test_the_page_of_a_foreign_tenant_is_refused(live_portal, reseller, outsider):
    with live_portal.open(outsider, f"tenant:{reseller.tenant.pk}") as browser:
        assert browser.close_code() == 4403


@pytest.mark.parametrize(
    "path", ["/", "/jobs/", "/devices/", "/servers/", "/activity/", "/alerts/", "/operations/"]
)
def test_a_page_has_one_socket_with_topics_that_are_known(live_portal, provider, path):
    content = provider.client().get(path).content.decode()
    [topics] = re.findall(r'ws-connect="/ws/live/\?topics=([^"]*)"', content)
    assert content.count("ws-connect") == 1
    with live_portal.joined(provider, topics):
        assert topics


@pytest.mark.parametrize("kind", ["job", "device", "server", "operation", "tenant"])
def test_the_page_of_an_object_listens_to_that_object(provider, kind):
    row = {
        "job": JobFactory,
        "device": DeviceFactory,
        "server": CometServerFactory,
        "operation": OperationFactory,
        "tenant": TenantFactory,
    }[kind](**{"parent" if kind == "tenant" else "tenant": provider.tenant})
    content = provider.client().get(f"/{kind}s/{row.pk}/").content.decode()
    assert re.search(rf"topics={kind}:{row.pk}[\",]", content)
