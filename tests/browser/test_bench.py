"""The benchmark that needs a browser can be run."""

import pytest

from tests.bench.bench_event_to_dom import SMALL, measure

pytestmark = pytest.mark.browser


def test_an_event_is_followed_into_a_page(page, running_portal):
    figures = list(measure(page, running_portal, **SMALL))
    assert [figure.name for figure in figures] == ["event_to_dom_p50", "event_to_dom_p95"]
