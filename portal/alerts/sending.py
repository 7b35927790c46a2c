"""Sends messages that are due: claims one, works out what is left to tell, and notes how it went.

A claim is committed before anything leaves. A mail whose process died in between is not sent again,
since it may have arrived: it stays as "uncertain". A post is sent again; it carries the same id.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog
from django.db import transaction
from django.utils import timezone

from portal.accounts.access import access_for
from portal.alerts.models import Message, Notice
from portal.core.access import EVERYTHING

FIRST_PAUSE: Final = timedelta(minutes=1)
LONGEST_PAUSE: Final = timedelta(hours=1)
MOST_ATTEMPTS: Final = 12
ABANDONED_AFTER: Final = timedelta(minutes=10)
MOST_DUE: Final = 200

log = structlog.get_logger(__name__)


class NotSent(Exception):
    """It did not leave; the text says why, for people."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that is this process's to send, and what it tells."""

    message: Message
    notices: list[Notice]


def list_due() -> list[tuple[int, bool]]:
    """(id, whether it is a mail) of messages to send now, the longest due first."""
    due = Message.objects.filter(state=Message.State.WAITING, due_at__lte=timezone.now())
    return [
        (pk, user is not None) for pk, user in due.order_by("due_at").values_list("pk", "user")[:MOST_DUE]
    ]


def claim(pk: int) -> Claimed | None:
    """Take a message that is due, unless somebody has it or nothing is left to tell.

    Notices that the recipient may not see any more, that closed meanwhile or unheard, or that were
    snoozed, go.
    """
    with transaction.atomic():
        message = Message.objects.select_for_update().filter(pk=pk).first()
        if message is None or message.state != Message.State.WAITING or message.due_at > timezone.now():
            return None
        notices = list(
            Notice.objects.filter(message=message)
            .select_related("opening", "alert__placement__tenant", "alert__server", "alert__item__device")
            .defer("alert__server__password", "alert__server__session_key")
            .order_by("pk")
        )
        kept = [notice for notice in notices if _is_news(notice)]
        kept = _visible(message, _heard_of(message, kept))
        gone = {notice.pk for notice in notices} - {notice.pk for notice in kept}
        Notice.objects.filter(pk__in=gone).delete()
        message.claimed_at, message.told = timezone.now(), len(kept)
        message.attempts += 1
        left = bool(kept) or message.is_test
        message.state = Message.State.SENDING if left else Message.State.DROPPED
        message.save(update_fields=["state", "claimed_at", "told", "attempts"])
        return Claimed(message, kept) if left else None


def _is_news(notice: Notice) -> bool:
    alert = notice.alert
    if alert.is_snoozed:
        return False
    if notice.what == Notice.What.OPENED:
        return alert.is_open
    return not alert.is_open


def _heard_of(message: Message, notices: list[Notice]) -> list[Notice]:
    """Without closings of what the webhook was never told to have opened: quiet hours outlasted it."""
    if message.rules is None:
        return notices  # a mail of a closing is written for who got that of its opening only
    told = Notice.objects.filter(
        rules=message.rules,
        what=Notice.What.OPENED,
        opening__in=[notice.opening_id for notice in notices],
        message__attempts__gt=0,  # what failed may have arrived
    )
    heard = set(told.values_list("opening", flat=True))
    return [one for one in notices if one.what == Notice.What.OPENED or one.opening_id in heard]


def _visible(message: Message, notices: list[Notice]) -> list[Notice]:
    """What the recipient may see at this moment."""
    if message.user is not None:
        tenants = access_for(message.user).tenants_with("alert:view")
        if tenants is EVERYTHING:
            return notices
        return [notice for notice in notices if notice.alert.placement.tenant_id in tenants]
    tenant = message.rules.tenant if message.rules else None
    if tenant is None or tenant.is_suspended or tenant.is_trashed or not message.rules.hook_url:  # type: ignore[union-attr]
        return []
    return [notice for notice in notices if notice.alert.placement.tenant.path.startswith(tenant.path)]


def deliver(pk: int, send: Callable[[Claimed], str]) -> Message.State | None:
    """Send one message by `send`, which gives what the other side answered or raises NotSent."""
    claimed = claim(pk)
    if claimed is None:
        return None
    message = claimed.message
    try:
        message.answer = send(claimed)[:300]
    except NotSent as problem:
        _note_failure(message, str(problem))
    else:
        message.state, message.sent_at = Message.State.SENT, timezone.now()
    message.save(update_fields=["state", "sent_at", "due_at", "answer"])
    return Message.State(message.state)


def _note_failure(message: Message, problem: str) -> None:
    message.answer = problem[:300]
    if message.attempts >= MOST_ATTEMPTS or message.is_test:
        message.state = Message.State.FAILED
        log.warning("alerts.message_failed", message=str(message.uid), attempts=message.attempts)
        return
    message.state = Message.State.WAITING
    message.due_at = timezone.now() + min(FIRST_PAUSE * 2 ** (message.attempts - 1), LONGEST_PAUSE)


def take_up_abandoned() -> int:
    """Messages whose process died while it sent them: posts wait again, mails may have arrived."""
    stale = Message.objects.filter(
        state=Message.State.SENDING, claimed_at__lt=timezone.now() - ABANDONED_AFTER
    )
    posts = stale.filter(rules__isnull=False).update(state=Message.State.WAITING)
    mails = stale.filter(user__isnull=False).update(state=Message.State.UNCERTAIN)
    if mails:
        log.warning("alerts.mail_uncertain", count=mails)
    return posts + mails
