"""Background work of the live room."""

import pytest

from portal.live import tasks

pytestmark = pytest.mark.django_db


def test_one_gap_is_closed_once_at_a_time_and_by_another_soon_after_a_worker_died(redis_client, monkeypatch):
    closed, seconds_left = [], []

    def close(server_id):
        closed.append(server_id)
        seconds_left.extend(redis_client.ttl(key) for key in redis_client.keys("*close-gap*"))
        tasks.close_gap(server_id)

    monkeypatch.setattr(tasks.gaps, "close_gap", close)
    tasks.close_gap(7)
    tasks.close_gap(7)

    assert closed == [7, 7]
    assert all(0 < seconds <= 30 for seconds in seconds_left)
    assert len(seconds_left) == 2
