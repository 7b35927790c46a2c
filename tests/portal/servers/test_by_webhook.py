"""A server that is heard by webhook alone, as somebody chose, is neither live by its stream nor down."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from pytest_django.asserts import assertContains, assertNotContains

import comet
from portal.accounts.access import access_for
from portal.jobs.sync import remedial_sync
from portal.servers.models import CometServer
from portal.servers.selectors import freshness
from tests.factories import CometServerFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def server(provider):
    made = CometServerFactory(tenant=provider.tenant, name="fr-par-2", stream="off")
    return quiet_for(made, minutes=44, last_event_at=timezone.now() - timedelta(minutes=44))


def quiet_for(server, **told):
    then = timezone.now() - timedelta(minutes=told.pop("minutes"))
    CometServer.objects.filter(pk=server.pk).update(linked_at=then, stream_changed_at=then, **told)
    server.refresh_from_db()
    return server


def pill(provider):
    return provider.client().get(reverse("live:pills"))


def test_it_is_stale_once_it_neither_posted_nor_was_read_for_longer_than_it_is_read_again(server):
    assert not server.is_stale
    assert quiet_for(server, minutes=46, last_event_at=None).is_stale
    now = timezone.now()
    assert not quiet_for(server, minutes=46, last_event_at=now).is_stale
    assert not quiet_for(server, minutes=46, last_event_at=None, last_read_at=now).is_stale
    assert server.data_at == now
    assert not server.is_live


def test_the_bar_on_every_page_says_that_it_was_chosen_and_does_not_call_it_down(provider, server):
    assertContains(pill(provider), "By webhook, 1 server")
    CometServerFactory.create_batch(2, stream="up")
    assertContains(pill(provider), "Live, 3 servers, 1 by webhook")
    found = freshness(access_for(provider.user))
    assert (found.live, found.by_webhook, list(found.stale)) == (True, 1, [])
    quiet_for(server, minutes=46, last_event_at=None)
    assertContains(pill(provider), "1 of 3 servers stale")


def test_the_list_and_the_overview_say_it(provider, server):
    shown = provider.client().get(reverse("servers:server-list"))
    assertContains(shown, "By webhook; data from")
    assertContains(shown, "off by choice: it posts its events")
    assertNotContains(shown, "no relay<")
    assertContains(provider.client().get("/"), "By webhook; data from")


def test_the_api_tells_it(provider, server):
    (row,) = provider.script().get("/api/v1/servers").json()["data"]
    assert (row["stream"], row["is_stale"]) == ("off", False)


def test_when_it_was_read_is_kept(linked):
    before = timezone.now()
    remedial_sync(linked, before)
    read_at = CometServer.objects.get().last_read_at
    assert before <= read_at <= timezone.now()


def test_a_read_that_failed_is_none(linked):
    CometServer.objects.update(api_url="http://127.0.0.1:1")
    linked.refresh_from_db()
    with pytest.raises(comet.ConnectionFailed):
        remedial_sync(linked, timezone.now())
    assert CometServer.objects.get().last_read_at is None
