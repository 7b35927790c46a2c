"""A server's webhook: who may post, and what the server is told so that it does."""

import secrets
from typing import Any, Final

from django.db import transaction
from django.utils import timezone

import comet
from comet.constants import StreamLevel
from comet.types import WebhookOption
from comet.webhooks import remove_webhook
from portal.audit import services as audit
from portal.core.encryption import Secret, SecretUnreadable
from portal.live.mirror import asked_types
from portal.live.models import WebhookIntake
from portal.live.stream_choice import forget_webhook
from portal.operations import services as operations
from portal.operations.models import Operation
from portal.servers import clients
from portal.servers.models import CometServer

SECRET_HEADER: Final = "X-Perihelion-Secret"  # noqa: S105  (a header's name)
SET_UP: Final = "webhook.set-up"
REMOVE: Final = "webhook.remove"
CHECK: Final = "webhook.check"

CHECK_MARK: Final = "perihelion-check-"
"""How the tracing id of a check begins, which the portal posts to itself."""


def intake_of(server: CometServer) -> WebhookIntake:
    """The server's intake, made with a secret of its own when first asked for."""
    intake = WebhookIntake.objects.filter(server=server).first()
    if intake is None:
        secret = Secret.seal(secrets.token_urlsafe(32))
        intake, _ = WebhookIntake.objects.get_or_create(server=server, defaults={"secret": secret})
    return intake


def registered_name(intake: WebhookIntake) -> str:
    """Under which name the server keeps the portal's entry; others are left alone."""
    return f"perihelion-{intake.key}"


def secret_of(intake: WebhookIntake) -> str:
    """What the server sends along.

    Raises:
        SecretUnreadable: its key is not configured.
        LookupError: there is none.
    """
    if intake.secret is None:
        raise LookupError("This webhook has no secret.")
    return intake.secret.reveal()


def option_for(intake: WebhookIntake, address: str) -> WebhookOption:
    """What the server is told: where to post what it is asked for, and the secret to send along."""
    return WebhookOption(
        url=address,
        custom_headers={SECRET_HEADER: secret_of(intake)},
        level=StreamLevel.FULL,
        white_listed_event_types=asked_types(),
    )


def start(kind: str, *, server: CometServer, address: str = "", user: object, ip: str | None) -> Operation:
    """Start setting up, checking or removing the webhook on the server."""
    titles = {SET_UP: "Set up the webhook of", REMOVE: "Remove the webhook of", CHECK: "Check the webhook of"}
    target = operations.Target("server", server.pk, server.name, server.tenant_id)
    return operations.start(
        kind,
        title=f"{titles[kind]} {server.name}",
        tenant_id=server.tenant_id,
        user=user,
        targets=[target],
        params={"address": address},
        ip=ip,
    )


def renew_secret(server: CometServer, *, user: object, ip: str | None) -> None:
    """Make another secret; what is posted with the old one is refused until the server is told."""
    intake = intake_of(server)
    with audit.record("webhook.secret", actor=user, tenant_id=server.tenant_id, target=server, ip=ip):
        secret = Secret.seal(secrets.token_urlsafe(32))
        with transaction.atomic():
            forget_webhook(server, user=user, ip=ip, because="its webhook got another secret")
            WebhookIntake.objects.filter(pk=intake.pk).update(secret=secret)


def remove_at(server: CometServer, actor: Any) -> list[str]:
    """Remove the portal's entry at a server that is about to be forgotten; names it where that failed."""
    intake = WebhookIntake.objects.filter(server=server).exclude(address="").first()
    if intake is None:
        return []
    name = registered_name(intake)
    try:
        with audit.record(
            "webhook.remove",
            actor=actor,
            tenant_id=server.tenant_id,
            target=server,
            details={"entry": name},
            refusals=(comet.CometError, SecretUnreadable, LookupError),
        ):
            remove_webhook(clients.for_server(server, purpose="web"), name)
    except (comet.CometError, SecretUnreadable, LookupError):
        return [f"the webhook {name}"]
    return []


def open_where_removed(server_id: int) -> bool:
    """Open the stream of a server that is heard by webhook alone and has the portal's entry no more: somebody
    removed it in Comet's own interface, or gave it another address or secret. Gives whether it was opened.

    Raises:
        comet.CometError: the server did not answer.
        SecretUnreadable, LookupError: it, or its webhook, has no secret that can be read.
    """
    server = CometServer.objects.filter(pk=server_id, stream=CometServer.Stream.OFF).first()
    if server is None:
        return False
    intake = intake_of(server)
    client = clients.for_server(server, purpose="bulk")
    entry = client.admin_meta_webhook_options_get().get(registered_name(intake))
    wanted = option_for(intake, intake.address)
    if entry is not None and (entry.url, entry.custom_headers) == (wanted.url, wanted.custom_headers):
        return False
    return forget_webhook(server, user=None, because="its webhook was removed or changed at the server")


def note_received(intake: WebhookIntake) -> None:
    """When something came last, to the second."""
    now = timezone.now()
    if intake.last_received_at is None or (now - intake.last_received_at).total_seconds() >= 1:
        WebhookIntake.objects.filter(pk=intake.pk).update(last_received_at=now)
