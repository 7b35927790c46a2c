"""Figures for whoever watches the portal, and who is alive."""

import subprocess
import sys

import pytest
import redis
from django.urls import reverse

import comet
from portal.core import metrics
from portal.core.heartbeats import say_alive
from portal.core.pulse import say_beat_alive
from portal.servers import clients
from tests.environment.portal import ROOT
from tests.factories import CometServerFactory, OperationItemFactory
from tests.portal.live.conftest import TOKEN

pytestmark = pytest.mark.django_db


def test_without_the_token_there_are_no_metrics(client, settings):
    url = reverse("live:metrics")
    assert client.get(url, headers={"Authorization": "Bearer "}).status_code == 404
    settings.METRICS_TOKEN = TOKEN
    assert client.get(url).status_code == 404
    assert client.get(url, headers={"Authorization": "Bearer wrong"}).status_code == 404


def test_calls_to_comet_are_counted_by_method_with_their_time(scrape):
    clients._measure("AdminMetaVersion", 0.05, "ok", 120)
    clients._measure("AdminMetaVersion", 5.0, "Timeout", 0)
    found = scrape()
    method = ("method", "AdminMetaVersion")
    assert found["perihelion_comet_calls_total"] == {
        (method, ("outcome", "ok")): 1,
        (method, ("outcome", "Timeout")): 1,
    }
    assert found["perihelion_comet_call_bytes_total"] == {(): 120}
    buckets = found["perihelion_comet_call_seconds_bucket"]
    assert [buckets[("le", bound), method] for bound in ("0.03", "0.1", "3.0", "10.0", "+Inf")] == [
        0,
        1,
        1,
        2,
        2,
    ]
    assert found["perihelion_comet_call_seconds_sum"] == {(method,): 5.05}


def test_servers_relays_and_work_are_told_as_the_database_has_them(scrape):
    server = CometServerFactory(name="fr-par-2", stream="up")
    say_alive("relay", "one:1:a", {"streams": 3, "open": 2, "events": 40, "waiting": 1})
    OperationItemFactory()
    found = scrape()
    label = (("server", f"{server.pk} fr-par-2"),)
    assert found["perihelion_server_stream_up"] == {label: 1}
    assert found["perihelion_relay_open"] == {(("relay", "one:1:a"),): 2}
    assert sum(found["perihelion_operation_items"].values()) == 1
    assert found["perihelion_redis_up"] == {(): 1}


def test_figures_are_kept_while_redis_is_away(scrape, monkeypatch):
    away = redis.Redis(port=1, socket_connect_timeout=0.2)
    with monkeypatch.context() as patched:
        patched.setattr(metrics, "redis_connection", lambda: away)
        metrics.count("events_stored", 2, source="stream")
        metrics.flush()
    assert scrape()["perihelion_events_stored_total"] == {(("source", "stream"),): 2}


def test_health_names_what_is_down_and_what_is_up(client):
    say_alive("worker", "w")
    say_beat_alive()
    told = client.get("/healthz").json()
    assert {name: told[name] for name in ("web", "database", "redis", "worker", "beat")} == dict.fromkeys(
        ("web", "database", "redis", "worker", "beat"), "up"
    )
    assert (told["bulk"], told["relay"]) == ("down", "down")


def test_a_call_of_a_client_is_counted(scrape, emulator, settings):
    settings.ALLOWED_NETWORKS = ["127.0.0.0/8"]
    credential = comet.Password(emulator.admin.name, emulator.admin.password)
    with clients.new_client(emulator.url, credential) as client:
        client.admin_meta_version()
    assert scrape()["perihelion_comet_calls_total"] == {
        (("method", "AdminMetaVersion"), ("outcome", "ok")): 1
    }


def test_a_process_that_ends_without_redis_says_nothing_into_its_closed_log(tmp_path):
    """What it could not hand over is lost, and nobody reads of a broken log instead."""
    script = """
import os
from django.conf import settings
settings.configure(REDIS_URL="redis://127.0.0.1:1/0", LOGGING_CONFIG=None)
import logging
handler = logging.StreamHandler(open(os.devnull, "w"))
logging.basicConfig(level="INFO", handlers=[handler])
import structlog
structlog.configure(logger_factory=structlog.stdlib.LoggerFactory())
from portal.core import metrics
metrics.count("refused", door="x", reason="y")
handler.stream.close()
"""
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
