"""Browsers that ask for what is not theirs, or for too much: refused, counted, and nobody else waits."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from portal.core.events import publish
from portal.live import joins
from tests.factories import CometServerFactory, DeviceFactory, EventFactory, JobFactory, OperationFactory
from tests.waiting import wait_for

TRY_LATER = 1013


def happened(event: Any) -> None:
    publish("activity.added", tenant_id=event.tenant_id, event=event.pk, server=event.server_id)


def test_foreign_topics_are_refused_counted_and_said_once(live_portal, outsider, reseller, refused, said):
    rows = {
        "job": JobFactory(tenant=reseller.tenant),
        "device": DeviceFactory(tenant=reseller.tenant),
        "operation": OperationFactory(tenant=reseller.tenant),
        "server": CometServerFactory(tenant=reseller.tenant),
    }
    topics = [f"{kind}:{row.pk}" for kind, row in rows.items()] + ["job:987654", "nonsense"]
    for topic in topics:
        with live_portal.open(outsider, f"jobs,{topic}") as browser:
            assert browser.close_code() == 4403
    assert refused("socket") == {"topic": len(topics)}
    assert len(said("socket")) == 1


def test_who_is_not_signed_in_is_refused_counted_and_said_once(live_portal, refused, said):
    for _ in range(2):
        with live_portal.open(None, "jobs") as browser:
            assert browser.close_code() == 4401
    assert refused("socket") == {"signed out": 2}
    assert len(said("socket")) == 1


def test_foreign_pages_are_refused_counted_and_said_once(live_portal, provider, refused, said):
    for _ in range(3):
        with (
            pytest.raises(InvalidStatus, match="403"),
            live_portal.open(provider, "jobs", Origin="https://elsewhere.example.com"),
        ):
            pass
    assert refused("socket") == {"origin": 3}
    assert [line["origin"] for line in said("socket")] == ["https://elsewhere.example.com"]


def test_what_a_browser_says_is_counted(live_portal, provider, refused, said):
    for words, code in (("hello", 4403), (b"hello", 4403), ("x" * 5_000, 1009)):
        with live_portal.joined(provider, "jobs") as browser:
            browser.socket.send(words)
            assert browser.close_code() == code
    wait_for(lambda: refused("socket") == {"it speaks": 2, "too long": 1})
    assert len(said("socket")) == 2


def test_a_browser_that_joins_too_fast_is_told_to_try_later_and_others_are_not(
    live_portal, provider, refused, said, monkeypatch
):
    monkeypatch.setattr(joins, "BURST", 5)
    monkeypatch.setattr(joins, "PER_SECOND", 0.0)
    hasty, patient = provider.client(), provider.client()
    for _ in range(5):
        with live_portal.joined(provider, "jobs", client=hasty):
            pass
    for _ in range(3):
        with live_portal.open(provider, "jobs", client=hasty) as browser:
            assert browser.close_code() == TRY_LATER
    with live_portal.joined(provider, "jobs", client=patient):
        pass
    assert refused("socket") == {"too many": 3}
    assert len(said("socket")) == 1


def test_a_browser_that_holds_too_many_sockets_gets_no_more_until_it_closes_one(
    live_portal, provider, monkeypatch
):
    monkeypatch.setattr(joins, "MOST_OPEN", 3)
    browser = provider.client()
    with ExitStack() as held:
        pages = [held.enter_context(live_portal.joined(provider, "jobs", client=browser)) for _ in range(3)]
        with live_portal.open(provider, "jobs", client=browser) as fourth:
            assert fourth.close_code() == TRY_LATER
        pages[0].socket.close()
        while True:  # the server learns of it a moment later
            with live_portal.open(provider, "jobs", client=browser) as again, suppress(ConnectionClosed):
                again.frame()
                break


def test_floods_slow_no_other_page(live_portal, provider, reseller):
    """Browsers that connect and speak without end, beside one that looks at what happens."""
    event = EventFactory(tenant=reseller.tenant)
    client = reseller.client()
    with live_portal.joined(provider, "activity") as watching, ThreadPoolExecutor(4) as flooders:
        until = time.monotonic() + 2

        def flood(number: int) -> int:
            rounds = 0
            while time.monotonic() < until:
                rounds += 1
                with (
                    live_portal.open(reseller, "activity", client=client) as browser,
                    suppress(ConnectionClosed),
                ):
                    for _ in range(200):
                        browser.socket.send("x" * 4000)
            return rounds

        floods = [flooders.submit(flood, number) for number in range(4)]
        lags = []
        while time.monotonic() < until:
            began = time.monotonic()
            happened(event)
            watching.frame_with(f"event-{event.pk}")
            lags.append(time.monotonic() - began)
        assert sum(one.result() for one in floods) > len(floods)
    assert sorted(lags)[-2] < 1.0, lags  # one may have met the machine at work elsewhere
