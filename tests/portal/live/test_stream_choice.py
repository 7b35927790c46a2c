"""Servers that somebody chose to hear by webhook alone, and the way back."""

import json
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

import comet
from portal.audit.models import Entry
from portal.core.heartbeats import say_alive
from portal.live import leases
from portal.live.fences import Fenced
from portal.live.models import Event, StreamLease, WebhookIntake
from portal.live.observing import Cause
from portal.live.opening import followed
from portal.live.relay_status import health_of, status_lines
from portal.live.stream_choice import ChoiceRefused, forget_webhook, hear_by_webhook, open_again
from portal.live.stream_state import note_down, note_up
from portal.live.tasks import read_unfollowed, sweep_streams
from portal.live.webhooks import CHECK_MARK, renew_secret
from portal.servers.models import CometServer
from tests.cast import person
from tests.factories import CometServerFactory
from tests.portal.live.posts import FENCE, ended, only_post, post, posting_device, streamed

pytestmark = pytest.mark.django_db

BROKEN = comet.ConnectionFailed("no upgrade", method="events/stream", server="fr-par-2")


def ago(**time):
    return timezone.now() - timedelta(**time)


@pytest.fixture
def device(settings):
    """Its server is followed by a relay and posted a moment ago."""
    device = posting_device(settings)
    CometServer.objects.update(stream="up", stream_changed_at=ago(hours=2), last_event_at=ago(minutes=5))
    WebhookIntake.objects.update(set_up_at=ago(days=3), last_received_at=ago(minutes=5))
    return device


@pytest.fixture
def server(device):
    return CometServer.objects.get()


@pytest.fixture
def alone(server):
    """The server, heard by webhook alone."""
    hear_by_webhook(server, user=None, ip=None)
    return now(server)


def now(server):
    return CometServer.objects.get(pk=server.pk)


def lease_of(server):
    return StreamLease.objects.get(server=server)


def test_no_relay_holds_it_until_it_is_chosen_again(server):
    StreamLease.objects.update(holder="", fence=0)
    other = CometServerFactory()
    first = leases.hold("one")
    assert {held.server_id for held in first.streams} == {server.pk, other.pk}

    hear_by_webhook(server, user=None, ip=None)
    alone = leases.hold("one", first)
    assert [held.server_id for held in alone.streams] == [other.pk]
    assert lease_of(server).holder == ""

    open_again(server.pk, user=None)
    again = leases.hold("one", alone)
    assert {held.server_id for held in again.streams} == {server.pk, other.pk}


def test_it_takes_no_place_in_a_relays_share(alone):
    CometServerFactory.create_batch(2)
    for _ in range(2):
        for holder in ("one", "two"):
            say_alive(leases.RELAY, holder)
            leases.hold(holder)
    holders = StreamLease.objects.exclude(server=alone).values_list("holder", flat=True)
    assert sorted(holders) == ["one", "two"]


def test_a_stream_turned_off_and_on_between_two_looks_is_opened_anew(server):
    StreamLease.objects.update(holder="", fence=0)
    first = leases.hold("one")
    hear_by_webhook(server, user=None, ip=None)
    open_again(server.pk, user=None)

    [held] = leases.hold("one", first).streams

    assert held.fence == first.streams[0].fence + 1
    assert now(server).stream == "never"


def test_what_its_relay_says_late_does_not_turn_it_on(alone):
    note_down(alone.pk, fence=FENCE, since=ago(minutes=1), problem=BROKEN)
    note_up(alone.pk, fence=FENCE, since=ago(minutes=1), cause=Cause.CUT)
    sweep_streams()

    assert (now(alone).stream, now(alone).stream_error) == ("off", "")
    assert not Event.objects.exists()


def test_a_relay_that_was_about_to_open_it_does_not(alone):
    with pytest.raises(Fenced, match="not to be followed"):
        followed(alone.pk)


def test_what_its_relay_had_read_is_stored_all_the_same(device, alone):
    streamed(device, ended(device))
    assert Event.objects.get().source == "stream"


@pytest.mark.parametrize("ways", [(streamed, post), (post, streamed)])
@pytest.mark.parametrize("turn", ["off", "on"])
def test_an_event_that_comes_by_both_ways_around_the_switch_counts_once(device, server, ways, turn):
    event = ended(device, Timestamp=int(timezone.now().timestamp()))
    if turn == "on":
        hear_by_webhook(server, user=None, ip=None)
    before, after = ways

    before(device, event)
    if turn == "off":
        hear_by_webhook(server, user=None, ip=None)
    else:
        open_again(server.pk, user=None)
    after(device, event)

    stored = Event.objects.get()
    assert stored.posted_at is not None
    assert stored.connection is not None


def opened(server):
    note_up(server.pk, fence=FENCE, since=timezone.now(), cause=Cause.CUT)


def test_it_was_observed_all_the_while_where_it_posted(device, alone):
    post(device, ended(device))
    open_again(alone.pk, user=None)
    opened(alone)

    assert now(alone).stream == "up"
    assert not Event.objects.filter(source="portal").exists()
    assert lease_of(alone).unheard_since is None


def test_a_choice_that_is_taken_back_at_once_leaves_no_entry(alone):
    open_again(alone.pk, user=None)
    opened(alone)
    assert not Event.objects.exists()


def test_where_it_posted_nothing_its_way_back_leaves_an_entry_from_the_choice_on(alone):
    chosen_at = lease_of(alone).unheard_since
    WebhookIntake.objects.update(last_received_at=ago(hours=2))
    open_again(alone.pk, user=None)
    opened(alone)

    entry = Event.objects.get()
    assert entry.happened_at == chosen_at
    assert entry.summary == "Not observed: its event stream was off and it posted nothing"
    assert not entry.gap_is_open


def test_without_webhook_and_stream_nobody_hears_it_from_its_last_post_on(alone):
    forget_webhook(alone, user=None, because="its webhook was removed")
    StreamLease.objects.update(unheard_since=ago(minutes=9))
    posted_at = ago(minutes=2)
    for last in (timezone.now(), posted_at):
        assert not Event.objects.exists()
        WebhookIntake.objects.update(last_received_at=last)
        note_down(alone.pk, fence=FENCE, since=timezone.now(), problem=BROKEN)

    entry = Event.objects.get()
    assert entry.gap_is_open
    assert entry.happened_at == posted_at


def test_on_its_way_back_what_the_webhook_left_untold_is_to_be_read(alone):
    CometServer.objects.update(last_event_at=timezone.now())
    assert lease_of(alone).gap_since is None
    open_again(alone.pk, user=None)
    assert lease_of(alone).gap_since == alone.stream_changed_at


def test_it_is_read_every_half_hour_meanwhile(alone):
    CometServer.objects.update(last_full_sync_at=ago(hours=9))
    read_unfollowed()
    assert lease_of(alone).gap_since == now(alone).last_full_sync_at


@pytest.mark.parametrize(
    ("column", "minutes_ago", "why"),
    [
        ("set_up_at", None, "is not set up"),
        ("last_received_at", None, "has posted nothing since its webhook was set up"),
        ("set_up_at", 1, "has posted nothing since its webhook was set up"),
        ("last_received_at", 125, "has posted nothing for 2"),
    ],
)
def test_a_webhook_that_cannot_be_believed_is_not_enough(server, column, minutes_ago, why):
    WebhookIntake.objects.update(**{column: ago(minutes=minutes_ago) if minutes_ago else None})
    with pytest.raises(ChoiceRefused, match=why):
        hear_by_webhook(server, user=None, ip=None)
    assert now(server).stream == "up"
    assert Entry.objects.get(phase="ended").outcome == "refused"


def test_a_server_that_is_being_unlinked_is_not_turned_off(server):
    CometServer.objects.update(unlinking_at=timezone.now())
    with pytest.raises(ChoiceRefused, match="being unlinked"):
        hear_by_webhook(server, user=None, ip=None)


def test_what_the_portal_posts_to_itself_tells_nothing_of_the_server(device, server):
    before = WebhookIntake.objects.get().last_received_at
    only_post(device, ended(device), tracing=f"{CHECK_MARK}1")
    assert WebhookIntake.objects.get().last_received_at == before
    only_post(device, ended(device))
    assert WebhookIntake.objects.get().last_received_at > before


def test_another_secret_opens_the_stream(alone, provider):
    renew_secret(alone, user=provider.user, ip=None)
    assert now(alone).stream == "never"
    entry = Entry.objects.get(action="stream.open", phase="begun")
    assert (entry.actor, entry.details["because"]) == (provider.user, "its webhook got another secret")


def test_the_choice_and_the_way_back_are_in_the_audit(server, provider):
    hear_by_webhook(server, user=provider.user, ip="192.0.2.7")
    open_again(server.pk, user=provider.user, ip="192.0.2.7")
    open_again(server.pk, user=provider.user, ip="192.0.2.7")

    ended = Entry.objects.filter(phase="ended").order_by("pk")
    assert [(one.action, one.outcome, one.actor, one.ip_address) for one in ended] == [
        ("stream.close", "done", provider.user, "192.0.2.7"),
        ("stream.open", "done", provider.user, "192.0.2.7"),
    ]


def test_who_asks_how_it_is_hears_that_it_was_chosen(alone):
    found = health_of(alone)
    assert (found.relay, found.posted_at) == ("", WebhookIntake.objects.get().last_received_at)
    assert "read every half hour" in found.advice
    [line] = [line for line in status_lines() if line.startswith(alone.name)]
    assert f"{alone.name}: By webhook since" in line
    assert "by choice" in line


# The pages


def address(name, server):
    return reverse(f"live:{name}", args=[server.pk])


@pytest.fixture
def browser(provider):
    return provider.client()


@pytest.fixture
def ask(browser):
    """Posts as the page does; gives status and toast."""

    def post(name, server):
        answer = browser.post(address(name, server), headers={"HX-Request": "true"})
        return answer.status_code, json.loads(answer["HX-Trigger"])["toast"]

    return post


def shown(browser, server):
    return browser.get(address("webhook-detail", server)).content.decode()


def test_the_page_offers_it_and_the_way_back(browser, server):
    assert "Hear it by webhook alone" in shown(browser, server)
    answer = browser.post(address("stream-close", server), follow=True)
    content = answer.content.decode()
    assert "is heard by its webhook alone now" in content
    assert "Hear it by webhook alone" not in content
    assert now(server).stream == "off"

    answer = browser.post(address("stream-open", server), follow=True)
    assert "is being opened" in answer.content.decode()
    assert now(server).stream == "never"


def test_the_page_says_why_it_does_not_offer_it_and_does_not_do_it(browser, server):
    WebhookIntake.objects.update(last_received_at=ago(hours=2))
    content = shown(browser, server)
    assert "Not offered now" in content
    assert "has posted nothing for 2 h" in content
    assert "Hear it by webhook alone" not in content

    answer = browser.post(address("stream-close", server))
    assert answer.status_code == 422
    assert "Its event stream stays open" in answer.content.decode()
    assert now(server).stream == "up"


def test_it_is_taken_back_from_the_notice(ask, server):
    status, toast = ask("stream-close", server)
    assert (status, toast["undo_url"]) == (204, address("stream-open", server))
    status, toast = ask("stream-open", server)
    assert (status, toast["undo_url"]) == (204, address("stream-close", server))
    assert ask("stream-open", server)[1]["undo_url"] == ""

    WebhookIntake.objects.update(last_received_at=ago(hours=2))
    status, toast = ask("stream-close", server)
    assert (status, toast["level"]) == (422, "warning")
    assert "has posted nothing" in toast["text"]


def test_the_server_page_offers_the_way_back_to_who_may_change_it(browser, provider, alone):
    page = reverse("servers:server-detail", args=[alone.pk])
    ours, theirs = (
        one.get(page).content.decode() for one in (browser, person(provider.tenant, "billing").client())
    )
    assert "nobody: it is off by choice" in ours
    assert "nobody: it is off by choice" in theirs
    assert "Open the event stream again" in ours
    assert "Open the event stream again" not in theirs


def test_its_page_warns_once_nothing_is_heard_of_it(browser, alone):
    page = reverse("servers:server-detail", args=[alone.pk])
    assert "Nothing is heard of it" not in browser.get(page).content.decode()
    then = ago(minutes=46)
    CometServer.objects.update(linked_at=then, stream_changed_at=then, last_event_at=then)
    assert "Nothing is heard of it" in browser.get(page).content.decode()
