"""The portal's figures in Prometheus' terms: what the processes counted, and what the database says now."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from django.conf import settings
from django.db.models import Count
from django.utils import timezone
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from redis.exceptions import RedisError

from portal.core.events import redis_connection
from portal.core.metrics import BUCKETS, Label, read_all
from portal.live.models import PostedEvent, SetAside, StreamLease
from portal.live.relay_status import FIGURES, list_relays
from portal.operations.models import OperationItem
from portal.servers.models import CometServer

UNDER_WAY: Final = [state for state in OperationItem.State if state not in OperationItem.ENDED]
HISTOGRAMS: Final = {
    "comet_call_seconds": "How long calls to Comet Servers took, by method.",
    "ingest_lag_seconds": "From the arrival of an event until it was stored.",
}
COUNTERS: Final = {
    "comet_calls": "Calls to Comet Servers, by method and outcome.",
    "comet_call_bytes": "Bytes of the answers of Comet Servers.",
    "events_stored": "Events stored, by the way they came.",
    "events_repeated": "Events that were stored already.",
    "refused": "What was refused or set aside, by the door it came to and the reason.",
}
RELAY_WORDS: Final = {
    "streams": "Streams a relay holds.",
    "open": "Streams of a relay that are open.",
    "events": "Events a relay has read since it started.",
    "waiting": "Events a relay has read and not stored yet.",
}


class PortalCollector(Collector):
    """Asked once per scrape: two calls to Redis, and a fixed number of queries.

    None of them reads more for more events, Jobs or work that is done: a scrape may come every few seconds.
    """

    def collect(self) -> Iterator[Metric]:
        yield from _counted()
        yield from _relays()
        yield from _work()
        yield from _servers()


def _counted() -> Iterator[Metric]:
    try:
        figures, waiting = read_all(), _queue_lengths()
    except RedisError:
        yield GaugeMetricFamily("perihelion_redis_up", "Whether Redis answers.", value=0)
        return
    yield GaugeMetricFamily("perihelion_redis_up", "Whether Redis answers.", value=1)
    queues = GaugeMetricFamily(
        "perihelion_queue_length", "Tasks that no worker has taken yet.", labels=["queue"]
    )
    for queue, length in waiting.items():
        queues.add_metric([queue], length)
    yield queues
    for name, words in COUNTERS.items():
        by_labels = figures.get(name, {})
        names = [key for key, _ in next(iter(by_labels), ())]
        counter = CounterMetricFamily(f"perihelion_{name}", words, labels=names)
        for labels, value in by_labels.items():
            counter.add_metric([text for _, text in labels], value)
        yield counter
    for name, words in HISTOGRAMS.items():
        yield _histogram(name, words, figures.get(name, {}), figures.get(f"{name}:sum", {}))


def _queue_lengths() -> dict[str, int]:
    """By the names of the queues, as Celery keeps them in Redis."""
    routed = {route["queue"] for route in settings.CELERY_TASK_ROUTES.values()}
    queues = sorted({settings.CELERY_TASK_DEFAULT_QUEUE} | routed)
    with redis_connection().pipeline(transaction=False) as pipeline:
        for queue in queues:
            pipeline.llen(queue)
        return dict(zip(queues, pipeline.execute(), strict=True))


def _histogram(
    name: str, words: str, counted: dict[Label, float], sums: dict[Label, float]
) -> HistogramMetricFamily:
    series: dict[Label, dict[str, float]] = defaultdict(dict)
    for labels, value in counted.items():
        series[tuple(one for one in labels if one[0] != "le")][dict(labels)["le"]] = value
    names = [key for key, _ in next(iter(series), ())]
    family = HistogramMetricFamily(f"perihelion_{name}", words, labels=names)
    for labels, by_bound in series.items():
        total, buckets = 0.0, []
        for bound in [*(str(limit) for limit in BUCKETS), "+Inf"]:
            total += by_bound.get(bound, 0)
            buckets.append((bound, total))
        family.add_metric([text for _, text in labels], buckets, sums.get(labels, 0))
    return family


def _relays() -> Iterator[Metric]:
    relays = list_relays()
    for name in FIGURES:
        gauge = GaugeMetricFamily(f"perihelion_relay_{name}", RELAY_WORDS[name], labels=["relay"])
        for relay in relays:
            gauge.add_metric([relay.holder], getattr(relay, name))
        yield gauge
    open_gaps = StreamLease.objects.exclude(gap_since=None).count()
    yield GaugeMetricFamily("perihelion_gaps_open", "Servers with a gap that no sync has closed.", open_gaps)


def _work() -> Iterator[Metric]:
    gauge = GaugeMetricFamily("perihelion_operation_items", "Work under way, by state.", labels=["state"])
    states = OperationItem.objects.filter(state__in=UNDER_WAY).order_by().values_list("state")
    for state, count in states.annotate(Count("pk")):
        gauge.add_metric([state], count)
    yield gauge
    yield GaugeMetricFamily(
        "perihelion_posted_events_waiting",
        "Events that came by webhook and are kept, and not stored among the others yet.",
        PostedEvent.objects.count(),
    )
    yield GaugeMetricFamily(
        "perihelion_events_set_aside",
        "Events that could not be read or applied, and were neither replayed nor dismissed yet.",
        SetAside.objects.count(),
    )


def _servers() -> Iterator[Metric]:
    now = timezone.now()
    up = GaugeMetricFamily(
        "perihelion_server_stream_up",
        "Whether its stream is open; nothing is told where it is off by choice.",
        labels=["server"],
    )
    by_webhook = GaugeMetricFamily(
        "perihelion_server_by_webhook",
        "Whether somebody chose that it is heard by webhook alone.",
        labels=["server"],
    )
    age = GaugeMetricFamily(
        "perihelion_server_data_age_seconds", "Since it last told something.", labels=["server"]
    )
    for server in CometServer.objects.filter(unlinking_at=None).order_by("pk"):
        labels = [f"{server.pk} {server.name}"]
        by_webhook.add_metric(labels, int(server.is_by_webhook))
        if not server.is_by_webhook:
            up.add_metric(labels, int(server.is_live))
        if server.data_at is not None:
            age.add_metric(labels, (now - server.data_at).total_seconds())
    yield up
    yield by_webhook
    yield age
