"""What `/metrics` tells of events that came by the portal's own doors, and what a scrape asks for it."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from portal.core.events import redis_connection
from portal.core.heartbeats import say_alive
from portal.live.gaps import note_gap
from portal.live.inbox import take_in
from portal.live.ingest import ingest
from portal.live.models import StreamLease
from tests.factories import CometServerFactory, EventFactory
from tests.portal.live.events import JOB_STARTED, arrival, bad_arrival, job
from tests.portal.live.posts import FENCE, ended, only_post, posting_device

pytestmark = pytest.mark.django_db

STREAM, WEBHOOK = (("source", "stream"),), (("source", "webhook"),)
WAITED = timedelta(seconds=5)


@pytest.fixture
def redis_away(settings):
    there, settings.REDIS_URL = settings.REDIS_URL, "redis://127.0.0.1:1/0"
    redis_connection.cache_clear()
    yield
    settings.REDIS_URL = there
    redis_connection.cache_clear()


def late(arrived):
    """As if it had waited for the database."""
    return replace(arrived, received_at=arrived.received_at - WAITED)


def test_what_a_stream_brought_is_told_with_how_long_it_waited(scrape, settings):
    device = posting_device(settings)
    batch, stream = [late(arrival(n, JOB_STARTED, job(f"j{n}", device=device))) for n in range(3)], uuid4()

    for arrivals in (batch[:2], batch):
        ingest(device.server_id, stream, arrivals, fence=FENCE)

    found = scrape()
    assert found["perihelion_events_stored_total"] == {STREAM: 3}
    assert found["perihelion_events_repeated_total"] == {STREAM: 2}
    assert found["perihelion_ingest_lag_seconds_count"] == {STREAM: 2}
    assert found["perihelion_ingest_lag_seconds_sum"][STREAM] >= 2 * WAITED.total_seconds()
    (age,) = found["perihelion_server_data_age_seconds"].values()
    assert WAITED.total_seconds() <= age < 60


def test_what_was_posted_waits_until_it_is_taken_in(scrape, settings):
    device = posting_device(settings)
    event = ended(device)
    for _ in range(2):
        assert only_post(device, event, tracing="sent-again").status_code == 200

    assert scrape()["perihelion_posted_events_waiting"] == {(): 2}
    while take_in(device.server_id):
        pass

    found = scrape()
    assert found["perihelion_posted_events_waiting"] == {(): 0}
    assert found["perihelion_events_stored_total"] == {WEBHOOK: 1}
    assert found["perihelion_events_repeated_total"] == {WEBHOOK: 1}
    assert found["perihelion_ingest_lag_seconds_count"] == {WEBHOOK: 1}


def test_what_is_set_aside_opens_a_gap_and_both_are_told(scrape, settings):
    device = posting_device(settings)
    before = scrape()
    assert (before["perihelion_gaps_open"], before["perihelion_events_set_aside"]) == ({(): 0}, {(): 0})

    ingest(device.server_id, uuid4(), [bad_arrival(0)], fence=FENCE)

    found = scrape()
    assert (found["perihelion_gaps_open"], found["perihelion_events_set_aside"]) == ({(): 1}, {(): 1})


def test_a_problem_that_set_nothing_aside_is_not_counted_as_if(scrape):
    EventFactory(problem="It is too long to be kept whole.")
    assert scrape()["perihelion_events_set_aside"] == {(): 0}


def test_a_scrape_asks_nothing_of_events_jobs_and_work_that_is_done(scrape):
    """Their number never falls: what counts them takes longer every day."""
    EventFactory()
    with CaptureQueriesContext(connection) as queries:
        scrape()

    asked = [query["sql"] for query in queries]
    assert len(asked) == 6
    grows = ('"live_event"', '"jobs_job"', 'NOT ("operations_operationitem"')
    assert not [sql for sql in asked for part in grows if part in sql]


def test_what_waits_for_workers_is_told_by_queue(scrape):
    server = CometServerFactory(stream="up")
    StreamLease.objects.create(server=server)

    note_gap(server.pk, server.linked_at)

    queues = {("queue", "bulk"): 1, ("queue", "default"): 0}
    assert scrape()["perihelion_queue_length"] == {(label,): length for label, length in queues.items()}


def test_without_redis_the_database_is_told_all_the_same(scrape, redis_away):
    CometServerFactory(stream="up")
    found = scrape()

    assert found["perihelion_redis_up"] == {(): 0}
    assert "perihelion_queue_length" not in found
    assert list(found["perihelion_server_stream_up"].values()) == [1]


def test_a_server_heard_by_webhook_alone_has_no_stream_that_could_be_down(scrape):
    chosen, down = (
        CometServerFactory(stream=stream, last_event_at=timezone.now()) for stream in ("off", "down")
    )
    found = scrape()

    of = {server: (("server", f"{server.pk} {server.name}"),) for server in (chosen, down)}
    assert found["perihelion_server_stream_up"] == {of[down]: 0}
    assert found["perihelion_server_by_webhook"] == {of[chosen]: 1, of[down]: 0}
    assert found["perihelion_server_data_age_seconds"].keys() == set(of.values())


def test_health_is_well_without_redis_and_says_that_it_is_down(client, redis_away):
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()["database"], answer.json()["redis"]) == (200, "up", "down")


def test_health_is_bad_without_the_database(client):
    def away(*_):
        raise OperationalError("the server closed the connection")

    with connection.execute_wrapper(away):
        answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (503, {"web": "up", "database": "down"})


def test_health_names_a_relay_that_is_alive(client):
    say_alive("relay", "one:1:a")
    assert client.get("/healthz").json()["relay"] == "up"
