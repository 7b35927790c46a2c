"""The kinds of Operation that set up, check and remove a server's webhook."""

from typing import Any, Final
from urllib.parse import urlsplit
from uuid import uuid4

import msgspec
from django.conf import settings
from django.http.request import validate_host
from django.utils import timezone

import comet
from comet.constants import StreamableEventType
from comet.transport import UNREACHED, guarded_session
from comet.types import WebhookOption
from comet.webhooks import TRACING_HEADER, register_webhook, remove_webhook
from portal.core.addresses import AddressGuard, address_guard
from portal.live.inbox import has_arrived
from portal.live.models import WebhookIntake
from portal.live.stream_choice import forget_webhook, open_again
from portal.live.webhooks import (
    CHECK,
    CHECK_MARK,
    REMOVE,
    SECRET_HEADER,
    SET_UP,
    intake_of,
    option_for,
    registered_name,
    secret_of,
)
from portal.operations.errors import ItemFailed
from portal.operations.models import OperationItem
from portal.operations.progress import Progress
from portal.operations.registry import Done, operation
from portal.servers import clients
from portal.servers.errors import explain
from portal.servers.models import CometServer

SELF_POST_SECONDS: Final = 10


@operation(SET_UP, permission="server:link", repeatable=True)
def set_up(item: OperationItem, progress: Progress) -> Done:
    """Tell the server to post its events here; its other webhooks stay as they are."""
    server = _server(item)
    intake = intake_of(server)
    address = item.operation.params["address"]
    # From now on events are matched, so that what comes by both ways is stored once.
    WebhookIntake.objects.filter(pk=intake.pk).update(set_up_at=timezone.now(), address=address)
    try:
        changed = register_webhook(
            clients.for_server(server), registered_name(intake), option_for(intake, address)
        )
    except comet.CometError as error:
        if intake.set_up_at is None:
            forget_webhook(server, user=item.operation.started_by, because="its webhook could not be set up")
        raise ItemFailed(explain(server.name, error)) from error
    if changed:
        return Done(text=f"{server.name} posts to {address}.")
    if intake.set_up_at is not None:  # what it posted since then holds
        WebhookIntake.objects.filter(pk=intake.pk).update(set_up_at=intake.set_up_at)
    return Done(text="It was set up like this already.")


@operation(REMOVE, permission="server:link", repeatable=True)
def remove(item: OperationItem, progress: Progress) -> Done:
    """Tell the server to post here no more; its other webhooks stay as they are.

    Where it was heard by webhook alone, its event stream is opened before.
    """
    server = _server(item)
    intake = intake_of(server)
    user, because = item.operation.started_by, "its webhook was removed"
    was_off = open_again(server.pk, user=user, because=because)
    try:
        was_there = remove_webhook(clients.for_server(server), registered_name(intake))
    except comet.CometError as error:
        raise ItemFailed(explain(server.name, error)) from error
    was_off |= forget_webhook(server, user=user, because=because)
    text = "Removed." if was_there else "The server had no such webhook."
    return Done(text=f"{text} Its event stream is opened again." if was_off else text)


@operation(CHECK, permission="server:link", repeatable=True)
def check(item: OperationItem, progress: Progress) -> Done:
    """See that the server's entry is as it was set, and that a hello posted to its address arrives."""
    server = _server(item)
    intake = intake_of(server)
    if intake.set_up_at is None:
        raise ItemFailed(f"The webhook of {server.name} is not set up.")
    try:
        client = clients.for_server(server)
        entry = client.admin_meta_webhook_options_get().get(registered_name(intake))
        version = client.admin_meta_version()
    except comet.CometError as error:
        raise ItemFailed(explain(server.name, error)) from error
    wanted = option_for(intake, intake.address)
    if entry is None or _told(entry) != _told(wanted):
        raise ItemFailed(f"{server.name} has no such entry any more, or another one. Set it up again.")
    tracing_id = f"{CHECK_MARK}{uuid4()}"
    _post_hello(intake, tracing_id, version)
    if not has_arrived(server.pk, tracing_id):
        raise ItemFailed(f"{intake.address} answered, but the event did not arrive in this portal.")
    return Done(text="The entry is there, and a hello posted to its address arrived.")


def _told(option: WebhookOption) -> tuple[str, dict[str, str] | None, list[int]]:
    """What the portal's own entry must say to the letter."""
    return option.url, option.custom_headers, sorted(option.white_listed_event_types or [])


def _post_hello(intake: WebhookIntake, tracing_id: str, version: Any) -> None:
    """Post as the server would. Raises ItemFailed with what the address answered."""
    hello = {
        "Type": int(StreamableEventType.META_HELLO),
        "Actor": "perihelion",
        "ResourceID": tracing_id,
        "Timestamp": int(timezone.now().timestamp()),
        "Data": msgspec.Raw(comet.lossless.encode(version)),
    }
    try:
        with guarded_session(_guard_for(intake.address), settings.COMET_CA_FILE) as session:
            answer = session.post(
                intake.address,
                data=msgspec.json.encode(hello),
                headers={SECRET_HEADER: secret_of(intake), TRACING_HEADER: tracing_id},
                timeout=SELF_POST_SECONDS,
                allow_redirects=False,
            )
    except UNREACHED as error:
        raise ItemFailed(
            f"{intake.address} could not be reached from this portal itself ({type(error).__name__}). Look at"
            " its name, its certificate and the proxy before it."
        ) from error
    if answer.status_code != 200:
        raise ItemFailed(
            f"{intake.address} answered {answer.status_code} instead of 200. Look at the proxy before it."
        )


def _guard_for(address: str) -> AddressGuard | None:
    """None for a host name the operator himself listed as the portal's; it may well be a private one.

    Where ALLOWED_HOSTS is `*` the name came from whoever set the webhook up.
    """
    host = (urlsplit(address).hostname or "").lower()
    is_ours = validate_host(host, [name for name in settings.ALLOWED_HOSTS if name != "*"])
    return None if is_ours else address_guard()


def _server(item: OperationItem) -> CometServer:
    server = CometServer.objects.filter(pk=item.target_id, unlinking_at=None).first()
    if server is None:
        raise ItemFailed("This Comet Server is not linked any more.")
    return server
