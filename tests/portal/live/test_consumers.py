"""Who may listen to what."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from django.contrib.sessions.models import Session
from django.db import OperationalError
from websockets.exceptions import InvalidStatus

from portal.accounts.access import access_for
from portal.accounts.grants import RoleChoice
from portal.accounts.memberships import take_role
from portal.accounts.models import Membership
from portal.accounts.second_factor import add_rule
from portal.accounts.sessions import end_sessions
from portal.accounts.token_text import new_token
from portal.core.events import publish
from portal.live.hub import hub_of_this_process
from portal.live.sockets import Frame, Reader
from portal.live.topics import Sight
from tests.factories import (
    ApiTokenFactory,
    CometServerFactory,
    DeviceFactory,
    EventFactory,
    JobFactory,
    OperationFactory,
)


def recheck_everybody(live_portal):
    async def recheck():
        for reader in hub_of_this_process().readers():
            await reader.recheck()

    live_portal.run(recheck)


@contextmanager
def within_two_seconds() -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < 2


def test_the_anonymous_are_sent_to_sign_in(live_portal):
    with live_portal.open(None, "jobs") as browser:
        assert browser.close_code() == 4401


def test_an_api_token_opens_no_socket(live_portal, provider):
    text = new_token()
    ApiTokenFactory(owner=provider.user, text=text)
    with live_portal.open(None, "jobs", Authorization=f"Bearer {text}") as browser:
        assert browser.close_code() == 4401


@pytest.mark.parametrize("topics", ["nonsense", "jobs,nonsense", "job", "job:x", "jobs:3", "job:-1", "job:٣"])
def test_what_is_no_topic_is_refused(live_portal, provider, topics):
    with live_portal.open(provider, topics) as browser:
        assert browser.close_code() == 4403


def test_too_many_topics_are_refused(live_portal, provider):
    with live_portal.open(provider, ",".join(f"job:{n}" for n in range(50))) as browser:
        assert browser.close_code() == 4403


def test_a_person_without_roles_is_refused(live_portal, nobody):
    with live_portal.open(nobody, "jobs") as browser:
        assert browser.close_code() == 4403


@pytest.mark.parametrize(
    ("kind", "factory"),
    [
        ("job", JobFactory),
        ("device", DeviceFactory),
        ("operation", OperationFactory),
        ("server", CometServerFactory),
    ],
)
def test_an_object_is_listened_to_by_its_tenant_alone(live_portal, reseller, outsider, kind, factory):
    row = factory(tenant=reseller.tenant)
    with live_portal.open(outsider, f"{kind}:{row.pk}") as browser:
        assert browser.close_code() == 4403
    with live_portal.joined(reseller, f"{kind}:{row.pk}"):
        pass


def test_a_list_without_permission_is_left_out_and_the_others_stay(live_portal, customer):
    with live_portal.joined(customer, "activity,servers") as browser:
        event = EventFactory(tenant=customer.tenant)
        publish("activity.added", tenant_id=customer.tenant.pk, event=event.pk, server=event.server_id)
        browser.frame_with(event.summary)


@pytest.mark.parametrize("origin", ["https://elsewhere.example.com", "null", ""])
def test_another_origin_is_refused(live_portal, provider, origin):
    with (
        pytest.raises(InvalidStatus, match="403"),
        live_portal.open(provider, "jobs", Origin=origin),
    ):
        pass
    with live_portal.open(provider, "jobs") as browser:
        browser.frame_with("live-marks")


def test_who_sends_is_no_page(live_portal, provider):
    with live_portal.joined(provider, "jobs") as browser:
        browser.socket.send("hello")
        assert browser.close_code() == 4403


def test_what_is_far_too_long_for_a_page_is_not_even_read(live_portal, provider):
    with live_portal.joined(provider, "jobs") as browser:
        browser.socket.send("x" * 5_000)
        assert browser.close_code() == 1009


def test_a_socket_closes_at_once_when_its_person_signs_out(live_portal, provider):
    signed_in = provider.client()
    with live_portal.joined(provider, "jobs", client=signed_in) as browser, within_two_seconds():
        signed_in.logout()
        assert browser.close_code() == 4401


def test_a_session_that_is_gone_is_noticed_when_it_is_read_again(live_portal, provider):
    with live_portal.joined(provider, "jobs") as browser:
        Session.objects.all().delete()
        recheck_everybody(live_portal)
        assert browser.close_code() == 4401


def test_sockets_close_at_once_when_their_sessions_are_ended_but_the_kept_one(live_portal, provider):
    here, there = provider.client(), provider.client()
    with (
        live_portal.joined(provider, "jobs", client=here) as kept,
        live_portal.joined(provider, "jobs", client=there) as ended,
    ):
        with within_two_seconds():
            end_sessions(provider.user, keep=here.session.session_key)
            assert ended.close_code() == 4401
        assert kept.all_frames() == ""


def test_a_socket_closes_at_once_when_its_person_needs_a_second_factor(live_portal, provider, reseller):
    with live_portal.joined(reseller, "jobs") as browser, live_portal.joined(provider, "jobs") as other:
        add_rule(
            tenant=reseller.tenant,
            role=RoleChoice("admin"),
            access=access_for(provider.user),
            actor=provider.user,
            ip=None,
        )
        assert browser.close_code() == 4401
        assert other.all_frames() == ""
    with live_portal.open(reseller, "jobs") as browser:
        assert browser.close_code() == 4401


def test_a_session_that_grew_too_old_is_noticed_when_it_is_read_again(live_portal, provider, settings):
    with live_portal.joined(provider, "jobs") as browser:
        settings.SESSION_LIMIT_SECONDS = 0
        recheck_everybody(live_portal)
        assert browser.close_code() == 4401


def test_a_socket_closes_at_once_when_the_last_grant_goes(live_portal, provider, reseller):
    with live_portal.joined(reseller, "jobs") as browser, live_portal.joined(provider, "jobs") as other:
        membership = Membership.objects.get(user=reseller.user)
        with within_two_seconds():
            take_role(membership, access=access_for(provider.user), actor=provider.user)
            assert browser.close_code() == 4403
        assert other.all_frames() == ""


def test_a_grant_that_goes_takes_its_rows_along(live_portal, reseller, outsider):
    Membership.objects.create(user=reseller.user, tenant=outsider.tenant, role="viewer")
    with live_portal.joined(reseller, "activity") as browser:
        event = EventFactory(tenant=outsider.tenant)
        publish("activity.added", tenant_id=outsider.tenant.pk, event=event.pk, server=event.server_id)
        browser.frame_with(event.summary)

        Membership.objects.filter(user=reseller.user, tenant=outsider.tenant).delete()
        recheck_everybody(live_portal)
        later = EventFactory(tenant=outsider.tenant)
        publish("activity.added", tenant_id=outsider.tenant.pk, event=later.pk, server=later.server_id)
        assert later.summary not in browser.all_frames()


def test_who_was_looked_at_and_may_stay_is_looked_at_again_when_it_is_due(live_portal, provider):
    async def look():
        hub = hub_of_this_process()
        (reader,) = hub.readers()
        reader.check_at = 0.1
        await hub.care()
        return reader.check_at - asyncio.get_running_loop().time()

    with live_portal.joined(provider, "jobs"):
        assert live_portal.run(look) > 30


def test_a_sign_out_waits_for_no_long_line_of_others(live_portal, provider):
    is_under_way = threading.Event()

    async def look():
        is_under_way.set()
        await asyncio.sleep(0.1)  # a busy database

    async def line_up():
        hub = hub_of_this_process()
        for _ in range(60):
            reader = Reader(None, user_id=0, topics=frozenset(), sight=Sight(()), recheck=look)
            hub.join(reader)
            reader.check_at = 0.1

    signed_in = provider.client()
    with live_portal.joined(provider, "jobs", client=signed_in) as browser:
        live_portal.run(line_up)
        assert is_under_way.wait(10)
        with within_two_seconds():
            end_sessions(provider.user)
            assert browser.close_code() == 4401


def test_a_sign_out_waits_for_nobody_who_stopped_reading(live_portal, provider, reseller):
    async def fill_up():
        (reader,) = (one for one in hub_of_this_process().readers() if one.user_id == reseller.user.pk)
        for _ in range(60):  # more than the line and the browser hold
            reader.write(Frame("x" * 500_000))

    with live_portal.joined(reseller, "jobs"), live_portal.joined(provider, "jobs") as browser:
        live_portal.run(fill_up)
        end_sessions(reseller.user)
        with within_two_seconds():
            end_sessions(provider.user)
            assert browser.close_code() == 4401


def test_one_that_cannot_be_looked_at_keeps_nobody_else_from_it(live_portal, provider):
    async def fail():
        raise OperationalError("the database is away")

    async def look():
        hub = hub_of_this_process()
        reader, failing = (
            hub.readers()[0],
            Reader(None, user_id=0, topics=frozenset(), sight=Sight(()), recheck=fail),
        )
        hub.join(failing)
        failing.check_at, reader.check_at = 0.1, 0.2
        for _ in range(2):
            with suppress(OperationalError):
                await hub.care()
        hub.leave(failing)
        return reader.check_at

    with live_portal.joined(provider, "jobs"):
        assert live_portal.run(look) > 1


def test_who_leaves_while_his_grants_are_read_again_holds_up_nobody(live_portal, provider):
    async def leave_meanwhile():
        hub = hub_of_this_process()
        (reader,) = hub.readers()
        recheck = asyncio.create_task(reader.recheck())
        await asyncio.sleep(0)  # it asks the database now
        reader.recheck.__self__._leave()
        await recheck
        return hub.readers()

    with live_portal.joined(provider, "jobs"):
        assert live_portal.run(leave_meanwhile) == []


def test_who_views_as_somebody_else_hears_what_both_may(live_portal, provider, reseller, outsider):
    browser = provider.client()
    browser.post("/view-as/", {"tenant": reseller.tenant.pk, "role": "viewer"})
    with live_portal.joined(provider, "activity", client=browser) as socket:
        foreign, seen = EventFactory(tenant=outsider.tenant), EventFactory(tenant=reseller.tenant)
        for event in (foreign, seen):
            publish(
                "activity.added", tenant_id=event.placement.tenant_id, event=event.pk, server=event.server_id
            )
        told = socket.frame_with(seen.summary).html + socket.all_frames()
        assert foreign.summary not in told


def test_an_object_beyond_the_viewed_role_is_refused(live_portal, provider, reseller, outsider):
    browser = provider.client()
    browser.post("/view-as/", {"tenant": reseller.tenant.pk, "role": "viewer"})
    device = DeviceFactory(tenant=outsider.tenant)
    with live_portal.open(provider, f"device:{device.pk}", client=browser) as socket:
        assert socket.close_code() == 4403
