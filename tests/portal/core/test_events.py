"""Facts on Redis."""

import pytest
import redis
from django.db import transaction

from portal.core import events
from portal.core.events import FACTS_CHANNEL, Fact, decode_facts, publish


@pytest.fixture
def facts(redis_url):
    """What has arrived on the channel since the test began."""
    subscription = redis.Redis.from_url(redis_url).pubsub(ignore_subscribe_messages=True)
    subscription.subscribe(FACTS_CHANNEL)
    subscription.get_message(timeout=2)

    def received():
        message = subscription.get_message(timeout=0.5)
        return decode_facts(message["data"]) if message else []

    yield received
    subscription.close()


@pytest.mark.django_db(transaction=True)
def test_a_fact_goes_out_when_its_transaction_is_committed(facts):
    with transaction.atomic():
        publish("job.changed", tenant_id=3, job=11, device=12)
        assert facts() == []
    assert facts() == [Fact("job.changed", 3, {"job": 11, "device": 12})]


@pytest.mark.django_db(transaction=True)
def test_a_fact_of_a_rolled_back_transaction_is_never_sent(facts):
    with transaction.atomic():
        publish("job.changed", tenant_id=3, job=11)
        transaction.set_rollback(True)
    assert facts() == []


@pytest.mark.django_db(transaction=True)
def test_an_unreachable_redis_costs_the_fact_and_nothing_else(monkeypatch):
    nowhere = redis.Redis.from_url("redis://127.0.0.1:1/0")
    monkeypatch.setattr(events, "redis_connection", lambda: nowhere)
    publish("job.changed", tenant_id=3, job=11)
