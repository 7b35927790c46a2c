"""Servers are asked for progress only while somebody looks at their running Jobs."""

import pytest

from portal.live.hub import hub_of_this_process
from portal.live.watching import WATCH_KEY, WATCH_SECONDS
from tests.factories import JobFactory


def watched(live_portal, redis_client):
    """Ids of the watched servers, from scratch."""

    async def care():
        await hub_of_this_process().care()

    redis_client.flushdb()
    live_portal.run(care)
    return {int(key.rpartition(b":")[2]) for key in redis_client.keys(WATCH_KEY.format("*"))}


@pytest.mark.parametrize("topic", ["jobs", "overview"])
def test_lists_watch_the_servers_of_the_running_jobs_one_may_see(
    live_portal, redis_client, provider, reseller, outsider, topic
):
    running = JobFactory(tenant=reseller.tenant, status=6001, state="running", ended_at=None)
    JobFactory(tenant=reseller.tenant)
    with live_portal.joined(outsider, topic):
        assert watched(live_portal, redis_client) == set()
        with live_portal.joined(reseller, topic):
            assert watched(live_portal, redis_client) == {running.server_id}
            assert redis_client.ttl(WATCH_KEY.format(running.server_id)) <= WATCH_SECONDS
    with live_portal.joined(provider, topic):
        assert watched(live_portal, redis_client) == {running.server_id}


def test_nobody_watches_the_servers_of_what_he_is_kept_out_of(
    live_portal, redis_client, kept_out, reseller, outsider
):
    hidden = JobFactory(tenant=reseller.tenant, status=6001, state="running", ended_at=None)
    with live_portal.joined(kept_out, "jobs"):
        assert watched(live_portal, redis_client) == set()
        seen = JobFactory(tenant=outsider.tenant, status=6001, state="running", ended_at=None)
        assert watched(live_portal, redis_client) == {seen.server_id}
        with live_portal.joined(reseller, "jobs"):
            assert watched(live_portal, redis_client) == {seen.server_id, hidden.server_id}


def test_the_page_of_a_job_or_device_watches_its_own_server(live_portal, redis_client, provider):
    running, other = JobFactory.create_batch(2, status=6001, state="running", ended_at=None)
    with live_portal.joined(provider, f"job:{running.pk}"):
        assert watched(live_portal, redis_client) == {running.server_id}
    with live_portal.joined(provider, f"device:{other.device_id}"):
        assert watched(live_portal, redis_client) == {other.server_id}


def test_pages_without_jobs_watch_nothing(live_portal, redis_client, provider):
    JobFactory(status=6001, state="running", ended_at=None)
    with live_portal.joined(provider, "activity,servers"):
        assert watched(live_portal, redis_client) == set()
