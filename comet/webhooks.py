"""Live events by POST: reading one, and asking a Comet Server to send them.

Webhooks come in parallel, unordered and sometimes twice. Reading one needs no network and no Django.
"""

import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from comet import errors, lossless
from comet.client import CometClient
from comet.stream import BadFrame, StreamedEvent, read_event
from comet.types import WebhookOption

TRACING_HEADER = "x-Comet-Tracing-Id"
_MAX_BYTES = 16 * 1024 * 1024


class BadWebhook(errors.CometError):
    """A POST that is not a Comet Server's webhook; `http_status` is what to answer it with."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """One event that came by POST. `tracing_id` is the server's own mark of this delivery."""

    item: StreamedEvent
    tracing_id: str


def read_webhook(
    body: bytes,
    headers: Mapping[str, str],
    *,
    required_headers: Mapping[str, str] | None = None,
    max_bytes: int = _MAX_BYTES,
) -> Webhook:
    """What a POST brought, after checking that it is what a Comet Server sends. Answer it with 200.

    `required_headers` are the `custom_headers` of the registration that only the server knows; they are
    compared in constant time. Names of headers are looked up without regard to case.

    Raises:
        BadWebhook: a required header is missing or wrong (401), the body is too long (413), or it is
            not an event with a tracing id (400).
    """
    given = {name.lower(): value for name, value in headers.items()}
    for name, value in (required_headers or {}).items():
        if not hmac.compare_digest(_bytes(given.get(name.lower(), "")), _bytes(value)):
            raise BadWebhook(f"the header {name} is missing or wrong", http_status=401)
    if len(body) > max_bytes:
        raise BadWebhook(f"the event is longer than the {max_bytes} bytes allowed", http_status=413)
    tracing_id = given.get(TRACING_HEADER.lower(), "")
    if not tracing_id:
        raise BadWebhook(f"the header {TRACING_HEADER} is missing", http_status=400)
    item = read_event(body.decode("utf-8", "replace"))
    if isinstance(item, BadFrame):
        raise BadWebhook(f"the body is not an event: {item.reason}", http_status=400)
    return Webhook(item, tracing_id)


def register_webhook(client: CometClient, name: str, option: WebhookOption) -> bool:
    """Sees to it that the server has the webhook `name` as given, and all others as they are.

    Says whether something was written. Nothing is written when it is there already, since writing
    drops what is queued for every webhook. The server has no hash for these settings: what somebody
    else writes between our reading and writing is lost, so the window is kept to one call.
    """

    def put(options: dict[str, WebhookOption]) -> None:
        options[name] = option

    return _change(client, put)


def remove_webhook(client: CometClient, name: str) -> bool:
    """Removes the webhook `name` and leaves all others; says whether it was there."""

    def drop(options: dict[str, WebhookOption]) -> None:
        options.pop(name, None)

    return _change(client, drop)


def _change(client: CometClient, change: Callable[[dict[str, WebhookOption]], None]) -> bool:
    options = client.admin_meta_webhook_options_get()
    before = lossless.encode(options)
    change(options)
    if json.loads(lossless.encode(options)) == json.loads(before):
        return False
    client.admin_meta_webhook_options_set(webhook_options=options)
    return True


def _bytes(header: str) -> bytes:
    return header.encode("utf-8", "replace")
