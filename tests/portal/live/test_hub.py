"""What is sent to whom, once per tick."""

import asyncio
import re
import threading
from collections import defaultdict
from contextlib import ExitStack

import pytest
from django.conf import settings
from django.db import OperationalError, connection

from portal.core.events import FACTS_CHANNEL, Fact, publish, publish_all
from portal.live import frames
from portal.live import hub as hub_module
from portal.live.hub import hub_of_this_process
from portal.live.pieces import Piece
from portal.live.topics import Topic
from portal.servers.bookkeeping import publish_server
from tests.factories import (
    EventFactory,
    JobFactory,
    OperationFactory,
    OperationItemFactory,
    PlacementFactory,
    TenantFactory,
)
from tests.portal.live.live_portal import PATIENCE_SECONDS


def happened(event):
    publish("activity.added", tenant_id=event.tenant_id, event=event.pk, server=event.server_id)


def changed(job, name="job.changed"):
    publish(name, tenant_id=job.tenant_id, job=job.pk, device=job.device_id, server=job.server_id)


def until(live_portal, is_so):
    """Wait for the hub, in turns of its loop."""
    for _ in range(10_000):
        if live_portal.run(lambda: told(is_so)):
            return
    raise TimeoutError


async def told(is_so):
    return is_so(hub_of_this_process())


def test_an_event_arrives_where_activity_is_open(live_portal, provider):
    with live_portal.joined(provider, "activity") as browser:
        event = EventFactory()
        happened(event)
        frame = browser.frame_with(event.summary)
        assert f'id="event-{event.pk}"' in frame.html


def test_nobody_gets_another_tenants_piece(live_portal, provider, reseller, customer, outsider):
    with (
        live_portal.joined(provider, "activity,jobs,overview") as at_provider,
        live_portal.joined(reseller, "activity,jobs,overview") as at_reseller,
        live_portal.joined(customer, "activity,jobs,overview") as at_customer,
        live_portal.joined(outsider, "activity,jobs,overview") as at_outsider,
    ):
        event = EventFactory(tenant=customer.tenant)
        job = JobFactory(tenant=customer.tenant)
        happened(event)
        changed(job, "job.added")
        for browser in (at_provider, at_reseller, at_customer):
            awaited = event.summary, f"&quot;jobs&quot;:[{job.pk}]"
            sent = browser.all_frames(*awaited)
            assert all(text in sent for text in awaited)
        assert at_outsider.all_frames() == ""


def test_who_is_kept_out_gets_no_piece_of_what_is_there_nor_of_what_comes_below(
    live_portal, kept_out, customer, outsider
):
    seen, hidden = EventFactory(tenant=outsider.tenant), EventFactory(tenant=customer.tenant)
    with live_portal.joined(kept_out, "activity") as browser:
        below = EventFactory(tenant=TenantFactory(parent=customer.tenant))
        for event in (below, hidden, seen):
            happened(event)
        sent = browser.all_frames(f"event-{seen.pk}")
        assert f"event-{seen.pk}" in sent
        assert f"event-{hidden.pk}" not in sent
        assert f"event-{below.pk}" not in sent


def test_what_a_page_does_not_show_is_not_sent(live_portal, provider):
    with live_portal.joined(provider, "operations") as browser:
        happened(EventFactory())
        assert browser.all_frames() == ""


def test_many_changes_of_one_row_are_one_piece(live_portal, provider):
    operation = OperationFactory(state="running", items_total=10)
    with live_portal.joined(provider, "operations") as browser:
        for done in range(10):
            operation.items_ended = done + 1
            operation.save()
        publish_all(
            Fact("operation.changed", operation.tenant_id, {"operation": operation.pk, "item": 0})
            for _ in range(10)
        )
        sent = browser.all_frames("10 of 10")
        assert sent.count(f'id="operation-{operation.pk}-progress"') == 1
        assert "10 of 10" in sent


def test_items_are_sent_to_the_page_of_their_operation_alone(live_portal, provider):
    item = OperationItemFactory(state="claimed")
    with (
        live_portal.joined(provider, f"operation:{item.operation_id}") as detail,
        live_portal.joined(provider, "operations") as listed,
    ):
        publish("operation.changed", tenant_id=item.tenant_id, operation=item.operation_id, item=item.pk)
        detail.frame_with(f'id="operation-item-{item.pk}-progress"')
        assert "operation-item-" not in listed.all_frames()


def test_marks_name_ids_once_and_say_which_rows_are_new(live_portal, provider):
    job, other = JobFactory(), JobFactory()
    with live_portal.joined(provider, "overview") as browser:
        publish_all(
            Fact(name, row.tenant_id, {"job": row.pk, "device": row.device_id, "server": row.server_id})
            for name, row in [("job.added", job), ("job.changed", job), ("job.changed", other)]
        )
        marks = browser.frame_with("live-marks").marks
        assert sorted(marks["jobs"]) == [job.pk, other.pk]
        assert marks["added"] == {"jobs": [job.pk]}


def test_a_device_page_hears_of_its_own_jobs_only(live_portal, provider):
    job, foreign = JobFactory(), JobFactory()
    with live_portal.joined(provider, f"device:{job.device_id}") as browser:
        changed(foreign)
        changed(job)
        marks = browser.frame_with("live-marks").marks
        assert marks["jobs"] == [job.pk]


def test_every_page_gets_the_marks_of_the_shell(live_portal, provider):
    operation = OperationFactory()
    with live_portal.joined(provider, "jobs") as browser:
        publish("operation.changed", tenant_id=operation.tenant_id, operation=operation.pk, item=0)
        assert browser.frame_with("live-marks").marks == {"operations": [operation.pk]}


def test_who_has_rows_on_a_server_hears_that_its_stream_changed_and_not_which(
    live_portal, provider, reseller, outsider
):
    placement = PlacementFactory(tenant=reseller.tenant)
    with (
        live_portal.joined(reseller, "jobs") as at_reseller,
        live_portal.joined(outsider, "jobs") as at_outsider,
    ):
        publish_server(placement.server)
        assert at_reseller.frame_with("live-marks").marks == {"freshness": [0]}
        assert at_outsider.all_frames() == ""


def test_rows_are_rendered_once_however_many_look(live_portal, provider, reseller, monkeypatch):
    rendered = []
    render = frames.render_pieces
    monkeypatch.setattr(frames, "render_pieces", lambda wanted: rendered.append(wanted) or render(wanted))
    with (
        live_portal.joined(provider, "activity") as first,
        live_portal.joined(provider, "activity") as second,
        live_portal.joined(reseller, "activity") as third,
    ):
        event = EventFactory(tenant=reseller.tenant)
        happened(event)
        for browser in (first, second, third):
            browser.frame_with(event.summary)
    assert len(rendered) == 1


def test_all_ticks_use_one_database_connection(live_portal, provider):
    async def connection_of_the_hub():
        return await hub_of_this_process().in_thread(lambda: id(connection.connection))

    used = set()
    with live_portal.joined(provider, "activity") as browser:
        for event in EventFactory.create_batch(3):
            happened(event)
            browser.frame_with(event.summary)
            used.add(live_portal.run(connection_of_the_hub))
    assert len(used) == 1
    assert id(None) not in used


def test_what_a_tick_could_not_draw_arrives_without_another_fact(live_portal, provider, monkeypatch):
    failures = [OperationalError("the database system is shutting down")]
    render = frames.render_pieces

    def once_without_database(wanted):
        if failures:
            raise failures.pop()
        return render(wanted)

    event, job = EventFactory(), JobFactory()
    with live_portal.joined(provider, "activity,jobs") as browser:
        monkeypatch.setattr(frames, "render_pieces", once_without_database)
        happened(event)
        changed(job, "job.added")
        frame = browser.frame_with(event.summary)
        assert not failures
        assert frame.marks == {"jobs": [job.pk], "added": {"jobs": [job.pk]}}


def test_what_is_noted_again_holds_what_came_first_and_what_came_meanwhile():
    activity, overview = Topic("activity"), Topic("overview")
    taken, marks, later, later_marks = defaultdict(dict), {}, defaultdict(dict), {}

    def noted(name, topic, wanted, marks, **ids):
        frames.note(Fact(name, 1, {"server": 1, "device": 1, **ids}), {topic}, wanted, marks)

    noted("activity.added", activity, taken, marks, event=1)
    noted("job.added", overview, taken, marks, job=5)
    noted("activity.added", overview, later, later_marks, event=1)
    noted("activity.added", activity, later, later_marks, event=2)
    noted("job.changed", overview, later, later_marks, job=5)
    noted("server.changed", overview, later, later_marks, server=3)

    frames.note_again(taken, marks, later, later_marks)

    assert [(pk, wish.topics) for pk, wish in taken["event"].items()] == [
        (1, {activity, overview}),
        (2, {activity}),
    ]
    assert set(taken) == {"event", "server", "freshness"}
    assert {name: mark.is_added for (name, _), mark in marks.items()} == {"jobs": True, "servers": False}


def test_pages_are_told_to_refresh_when_what_they_miss_cannot_be_drawn(live_portal, provider, monkeypatch):
    def broken(_wanted):
        raise ValueError

    with live_portal.joined(provider, "activity") as browser:
        monkeypatch.setattr(frames, "render_pieces", broken)
        happened(EventFactory())
        assert browser.frame_with("live-marks").marks["refresh"] is True


def test_more_rows_than_one_tick_takes_all_arrive(live_portal, provider, monkeypatch):
    monkeypatch.setattr(frames, "ROWS_PER_TICK", 3)
    events = EventFactory.create_batch(10)
    with live_portal.joined(provider, "activity") as browser:
        publish_all(
            Fact("activity.added", event.tenant_id, {"event": event.pk, "server": event.server_id})
            for event in events
        )
        awaited = [f'id="event-{event.pk}"' for event in events]
        sent = browser.all_frames(*awaited)
        assert all(text in sent for text in awaited)


def test_of_more_lines_than_a_page_keeps_each_tenants_newest_are_drawn(monkeypatch):
    monkeypatch.setattr(frames, "LINES_PER_TICK", 3)
    quiet, busy = 7, 8
    wanted = defaultdict(dict)
    for pk, tenant_id in enumerate([quiet, busy, busy, busy, busy, busy]):
        fact = Fact("activity.added", tenant_id, {"event": pk, "server": 1})
        frames.note(fact, {Topic("activity")}, wanted, {})

    now, later = frames.split(wanted)

    assert list(now["event"]) == [0, 3, 4, 5]
    assert not later


def test_no_page_keeps_more_lines_than_a_tick_draws_of_one_tenant():
    kept = [
        int(number)
        for path in (settings.BASE_DIR / "templates/live").glob("*.html")
        for number in re.findall(r'data-keep="(\d+)"', path.read_text())
    ]
    assert max(kept) <= frames.LINES_PER_TICK


def test_who_comes_while_others_are_caught_up_is_caught_up_with_one_rendering(
    live_portal, provider, reseller, outsider, monkeypatch
):
    monkeypatch.setattr(hub_module, "RECENT_SECONDS", 60.0)
    rendered, began, may_go_on = [], threading.Event(), threading.Event()
    render = frames.render_pieces

    def slowly(wanted):
        rendered.append(wanted)
        began.set()
        assert may_go_on.wait(PATIENCE_SECONDS)
        return render(wanted)

    event = EventFactory(tenant=reseller.tenant)
    with live_portal.joined(provider, "jobs"):
        happened(event)
        until(live_portal, lambda hub: hub._recent)
        monkeypatch.setattr(frames, "render_pieces", slowly)
        with ExitStack() as opened:
            first = opened.enter_context(live_portal.open(provider, "activity"))
            assert began.wait(PATIENCE_SECONDS)
            second, third, foreign = (
                opened.enter_context(live_portal.open(person, "activity"))
                for person in (provider, reseller, outsider)
            )
            until(live_portal, lambda hub: len(hub._newcomers) == 3)
            may_go_on.set()
            for browser in (first, second, third):
                browser.frame_with(event.summary)
            assert event.summary not in foreign.all_frames()
    assert len(rendered) == 2


def test_what_happened_while_the_page_loaded_is_sent_when_it_joins(live_portal, provider, monkeypatch):
    monkeypatch.setattr(hub_module, "RECENT_SECONDS", 60.0)
    with live_portal.joined(provider, "activity") as first:
        event = EventFactory()
        happened(event)
        first.frame_with(event.summary)
        with live_portal.open(provider, "activity") as later:
            assert event.summary in later.frame().html


def test_an_unreadable_fact_stops_nothing(live_portal, provider, redis_client):
    with live_portal.joined(provider, "activity") as browser:
        redis_client.publish(FACTS_CHANNEL, b"{broken")
        redis_client.publish(FACTS_CHANNEL, b'[{"name": "activity.added", "tenant_id": 1, "ids": {}}]')
        event = EventFactory()
        happened(event)
        browser.frame_with(event.summary)


def test_pages_are_told_to_refresh_when_facts_may_have_been_lost(live_portal, provider, redis_client):
    with live_portal.joined(provider, "activity") as browser:
        own = str(redis_client.get_connection_kwargs()["db"])  # the others are of tests beside this one
        for client in redis_client.client_list(_type="pubsub"):
            if client["db"] == own:
                redis_client.client_kill_filter(_id=client["id"])
        assert browser.frame_with("live-marks").marks["refresh"] is True


def test_a_reader_that_stopped_reading_is_told_to_reload_and_costs_nobody_else(
    live_portal, provider, monkeypatch
):
    def huge(wanted):
        for pk, topics in wanted["event"].items():
            yield Piece(f"event-{pk}", "x" * 500_000, event.tenant_id, "activity:view", frozenset(topics))

    event = EventFactory()
    with live_portal.joined(provider, "activity") as stuck, live_portal.joined(provider, "activity") as other:
        monkeypatch.setattr(frames, "render_pieces", huge)
        monkeypatch.setattr(hub_module, "TICK_SECONDS", 0.0)
        for _ in range(60):
            happened(event)
            assert len(other.frame().html) == 500_000
        assert stuck.close_code() == 4408


@pytest.mark.parametrize("topics", ["activity", "jobs"])
def test_a_reader_that_left_is_forgotten(live_portal, provider, topics):
    with live_portal.joined(provider, topics):
        pass

    async def all_left():
        while hub_of_this_process().readers():  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # the browser is gone before the server knows

    live_portal.run(all_left)
