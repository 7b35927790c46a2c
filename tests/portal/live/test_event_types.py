"""Which types of events Comet Servers are asked for."""

import pytest

import comet
from comet.constants import StreamableEventType as Type
from portal.live.mirror import asked_types
from portal.live.models import Event
from portal.servers import clients
from portal.servers.models import CometServer
from tests.portal.live.relay_thread import RelayThread
from tests.waiting import wait_for


def types_stored() -> set[int]:
    return set(Event.objects.filter(source=Event.Source.STREAM).values_list("type", flat=True))


def test_nothing_chosen_is_everything(settings):
    settings.EVENT_TYPES = []
    assert asked_types() == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("chosen", [[], [Type.ACCOUNT_ADMIN_SESSION_START]])
def test_a_stream_brings_what_is_chosen_and_what_the_mirror_needs(emulator, linked, settings, chosen):
    settings.EVENT_TYPES = chosen
    credential = comet.Password(emulator.admin.name, emulator.admin.password)
    with RelayThread(), clients.new_client(linked.api_url, credential) as client:
        wait_for(lambda: CometServer.objects.get(pk=linked.pk).is_live)
        client.start_session()  # a sign-in, and then a session
        told = wait_for(lambda: {Type.META_HELLO, Type.ACCOUNT_ADMIN_SESSION_START} <= types_stored())

    assert told
    assert (Type.ACCOUNT_ADMIN_LOGIN in types_stored()) == (not chosen)
