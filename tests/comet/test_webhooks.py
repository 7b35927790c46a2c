"""Webhooks: reading one POST, and registering without touching other entries."""

import json

import pytest

from comet.types import BackupJobDetail, WebhookOption
from comet.webhooks import BadWebhook, read_webhook, register_webhook, remove_webhook
from tests.comet.scripted_server import reply

EVENT = b'{"Type": 4201, "Timestamp": 1, "ResourceID": "j", "Newer": 1, "Data": {"GUID": "j", "N": [1.0]}}'
HEADERS = {"X-Comet-Tracing-ID": "t-1", "Content-Type": "application/json", "X-Portal-Key": "between us"}
SECRET = {"x-portal-key": "between us"}


def test_a_webhook_is_an_event_with_a_tracing_id():
    webhook = read_webhook(EVENT, HEADERS, required_headers=SECRET)

    assert webhook.tracing_id == "t-1"
    assert webhook.item.event.type == 4201
    assert webhook.item.typed_data() == BackupJobDetail(guid="j")


@pytest.mark.parametrize(
    ("body", "changed", "status"),
    [
        (EVENT, {"X-Portal-Key": "wrong"}, 401),
        (EVENT, {"X-Portal-Key": "betw\u00e9en us"}, 401),
        (EVENT, {"X-Portal-Key": ""}, 401),
        (EVENT, {"X-Comet-Tracing-ID": ""}, 400),
        (b"", {}, 400),
        (b"{", {}, 400),
        (b"[1]", {}, 400),
        (b'{"Status": 200}', {}, 400),
        (b"\xff\xfe", {}, 400),
        (b"[" * 900, {}, 400),
        (EVENT + b" " * 1000, {}, 413),
    ],
)
def test_what_is_not_a_webhook_is_refused_with_the_status_to_answer(body, changed, status):
    with pytest.raises(BadWebhook) as caught:
        read_webhook(body, HEADERS | changed, required_headers=SECRET, max_bytes=1000)
    assert caught.value.http_status == status
    assert "between us" not in str(caught.value)


class Settings:
    """The webhook settings of a server."""

    def __init__(self, server, options):
        self.options = options
        self.writes = 0
        server.decides("admin/meta/webhook-options/get", lambda _: reply(self.options))
        server.decides("admin/meta/webhook-options/set", self._set)

    def _set(self, request):
        self.writes += 1
        self.options = json.loads(request.form["WebhookOptions"])
        return reply({"Status": 200, "Message": "OK"})


OTHERS = {"theirs": {"URL": "https://a.example/", "CustomHeaders": None, "Newer": {"x": 1}}}
OURS = WebhookOption(
    url="https://portal.example/hook", custom_headers=SECRET, white_listed_event_types=[4200]
)
WIRE = {
    "URL": "https://portal.example/hook",
    "CustomHeaders": SECRET,
    "WhiteListedEventTypes": [4200],
}


@pytest.mark.parametrize("others", [OTHERS, {}, None])
def test_registering_leaves_other_entries_alone(server, others):
    settings = Settings(server, others)
    assert register_webhook(server.client(), "ours", OURS)
    assert settings.options == {**(others or {}), "ours": WIRE}


def test_other_entries_are_sent_back_byte_for_byte(server):
    theirs = rb'{"URL" : "https://a.example/\u00e4", "N":1.50e2,"CustomHeaders":null, "N":[ ]}'
    server.answers("admin/meta/webhook-options/get", b'{"theirs" : ' + theirs + b"}")
    server.answers("admin/meta/webhook-options/set", {"Status": 200, "Message": "OK"})
    register_webhook(server.client(), "ours", OURS)
    assert theirs.decode() in server.requests[-1].form["WebhookOptions"]


def test_registering_twice_writes_once(server):
    settings = Settings(server, OTHERS)
    assert register_webhook(server.client(), "ours", OURS)
    assert not register_webhook(server.client(), "ours", OURS)
    assert settings.writes == 1


def test_a_changed_registration_replaces_ours_alone(server):
    settings = Settings(server, OTHERS | {"ours": WIRE | {"Level": "none", "Newer": 2}})
    assert register_webhook(server.client(), "ours", OURS)
    assert settings.options == OTHERS | {"ours": WIRE}


def test_removing_takes_ours_alone(server):
    settings = Settings(server, OTHERS | {"ours": WIRE})
    assert remove_webhook(server.client(), "ours")
    assert not remove_webhook(server.client(), "ours")
    assert settings.options == OTHERS
    assert settings.writes == 1
