from collections.abc import Iterator

import pytest
import redis

from tests.emulated import _may_contact_loopback, emulator, linked  # noqa: F401  (fixtures)
from tests.portal.live.live_portal import LivePortal


@pytest.fixture
def live_portal(transactional_db: None) -> Iterator[LivePortal]:
    with LivePortal() as portal:
        yield portal


@pytest.fixture
def redis_client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        yield client
