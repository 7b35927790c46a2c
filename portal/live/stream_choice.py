"""Whether a server is heard by its event stream or by its webhook alone: somebody's choice.

A server is never heard by nothing: its stream is turned off only while its webhook can be believed, and
whatever ends the webhook opens the stream again, in the same transaction.
"""

from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from portal.audit import services as audit
from portal.core.templatetags.portal_tags import largest_unit
from portal.live.fences import Fenced, locked_server
from portal.live.gaps import known_until, mark
from portal.live.models import StreamLease, WebhookIntake
from portal.live.observing import BELIEVED
from portal.servers.bookkeeping import publish_server
from portal.servers.models import CometServer


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why a server's webhook is not enough by itself at the moment, and what to do."""

    why: str
    advice: str

    def __str__(self) -> str:
        return f"{self.why} {self.advice}"


class ChoiceRefused(Exception):
    """A server cannot be heard by webhook alone now; says why, and what to do."""


def doubt_of(server: CometServer, intake: WebhookIntake | None) -> Doubt | None:
    """None where the server's webhook can be believed."""
    if intake is None or intake.set_up_at is None:
        return Doubt(f"The webhook of {server.name} is not set up.", "Set it up first.")
    posted_at = intake.last_received_at
    if posted_at is None or posted_at < intake.set_up_at:
        return Doubt(
            f"{server.name} has posted nothing since its webhook was set up.",
            "Look whether it can reach the address, and come back once it has posted.",
        )
    if (silent_for := timezone.now() - posted_at) > BELIEVED:
        return Doubt(
            f"{server.name} has posted nothing for {largest_unit(silent_for.total_seconds())}, so nobody can"
            " say that it still would.",
            "Come back once it has posted; renewing the secret makes it post a hello at once.",
        )
    return None


def hear_by_webhook(server: CometServer, *, user: Any, ip: str | None) -> None:
    """Turn the event stream off. Its relay lets go within two seconds; what it has read is still stored.

    Raises:
        ChoiceRefused: the webhook cannot be believed now, or the server is being unlinked.
    """
    with audit.record(
        "stream.close",
        actor=user,
        tenant_id=server.tenant_id,
        target=server,
        ip=ip,
        refusals=(ChoiceRefused,),
    ):
        try:
            with transaction.atomic():
                _turn_off(locked_server(server.pk))
        except Fenced as error:
            raise ChoiceRefused(f"{server.name} is being unlinked.") from error


def _turn_off(server: CometServer) -> None:
    intake = WebhookIntake.objects.select_for_update().filter(server=server).first()
    if doubt := doubt_of(server, intake):
        raise ChoiceRefused(str(doubt))
    if not server.is_by_webhook:
        _set(server, CometServer.Stream.OFF)
        # Given back, so that whoever takes it later opens the stream anew, and says that it is up.
        StreamLease.objects.filter(server=server).update(
            holder="", expires_at=None, unheard_since=Coalesce("unheard_since", Now())
        )


def open_again(server_id: int, *, user: Any, ip: str | None = None, because: str = "") -> bool:
    """Have a relay follow the stream of a server that was heard by webhook alone; gives whether it was.

    What the webhook left untold is read afresh.
    """
    with transaction.atomic():
        try:
            server = locked_server(server_id)
        except Fenced:
            return False
        if not server.is_by_webhook:
            return False
        mark(server_id, known_until(server), wants_sync=True, usernames=())
        _set(server, CometServer.Stream.NEVER)
        audit.note(
            "stream.open",
            audit.DONE,
            actor=user,
            tenant_id=server.tenant_id,
            target=server,
            ip=ip,
            details={"because": because},
        )
    return True


def forget_webhook(server: CometServer, *, user: Any, ip: str | None = None, because: str) -> bool:
    """Note that the server's webhook is not set up; gives whether its stream was off, and is opened again."""
    with transaction.atomic():
        was_off = open_again(server.pk, user=user, ip=ip, because=because)
        WebhookIntake.objects.filter(server=server).update(set_up_at=None)
    return was_off


def _set(server: CometServer, stream: CometServer.Stream) -> None:
    server.stream, server.stream_changed_at, server.stream_error = stream, timezone.now(), ""
    server.save(update_fields=["stream", "stream_changed_at", "stream_error"])
    publish_server(server)
