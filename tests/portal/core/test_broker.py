"""The connection of a worker's main process with Redis, when Redis goes away."""

from types import SimpleNamespace

import pytest
from celery import Celery
from django.conf import settings
from kombu.utils.imports import symbol_by_name

from tests.environment.redis import RedisServer

QUEUE = "bulk"


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_a_worker_outlives_the_loss_of_redis_while_a_message_waits_for_a_free_process():
    with RedisServer() as redis_server:
        app = Celery("lost", broker=redis_server.url, set_as_current=False)
        consumer = symbol_by_name(settings.CELERY_WORKER_CONSUMER)(
            lambda *_: None,
            app=app,
            controller=SimpleNamespace(use_eventloop=False),
            pool=SimpleNamespace(num_processes=2, is_green=False),
        )
        consumer.connection = connection = app.connection_for_read()
        connection.SimpleQueue(QUEUE).put("waits")
        connection.SimpleQueue(QUEUE).get(timeout=5)
        channel = connection.default_channel
        channel.basic_consume(QUEUE, False, lambda _: None, "tag")
        channel._brpop_start()  # as its event loop does: it asks for the next one meanwhile
        app.control.mailbox.Node("worker", channel=connection.channel()).listen()
    lost = ConnectionError("Connection closed by server.")

    consumer.on_connection_error_after_connected(lost)

    assert consumer.connection is None
