from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from django.urls import reverse
from prometheus_client.parser import text_string_to_metric_families

from portal.core import metrics
from tests.emulated import _may_contact_loopback, emulator, linked  # noqa: F401  (fixtures)
from tests.portal.live.live_portal import LivePortal

TOKEN = "of-the-tests-only"
"""Opens `/metrics`."""

Samples = dict[str, dict[tuple[tuple[str, str], ...], float]]


@pytest.fixture
def live_portal(transactional_db: None) -> Iterator[LivePortal]:
    with LivePortal() as portal:
        yield portal


@pytest.fixture
def redis_client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def scrape(client: Any, settings: Any) -> Callable[[], Samples]:
    """Reads `/metrics`: name -> labels -> value. Nothing was counted before."""
    settings.METRICS_TOKEN = TOKEN

    def samples() -> Samples:
        metrics.flush()
        answer = client.get(reverse("live:metrics"), headers={"Authorization": f"Bearer {TOKEN}"})
        assert answer.status_code == 200
        found: Samples = {}
        for family in text_string_to_metric_families(answer.content.decode()):
            for sample in family.samples:
                found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
        return found

    metrics.flush()
    metrics.redis_connection().delete(metrics.KEY)
    return samples
