from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.urls import reverse
from prometheus_client.parser import text_string_to_metric_families

from portal.core import metrics
from portal.live import event_rows
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
def breaks_storing(monkeypatch: pytest.MonkeyPatch) -> str:
    """The actor whose events cannot be turned into rows."""
    whole, actor = event_rows.summary_of, "breaks"

    def breaks_on_some(event: Any, **about: Any) -> str:
        if event.actor == actor:
            raise ZeroDivisionError
        return whole(event, **about)

    monkeypatch.setattr(event_rows, "summary_of", breaks_on_some)
    return actor


@pytest.fixture
def refused(scrape: Callable[[], Samples]) -> Callable[[str], dict[str, float]]:
    """How often a door refused what, by the reason, as `/metrics` has it."""

    def by_reason(door: str) -> dict[str, float]:
        counted = scrape().get("perihelion_refused_total", {})
        named = [(dict(labels), value) for labels, value in counted.items()]
        return {labels["reason"]: value for labels, value in named if labels["door"] == door}

    return by_reason


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Callable[[str], list[dict[str, Any]]]:
    """The log lines of what a door refused."""

    def lines(door: str) -> list[dict[str, Any]]:
        told = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
        return [line for line in told if line.get("event") == f"{door}.refused"]

    return lines


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
