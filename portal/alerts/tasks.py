"""Background work of alerts. All of it is safe to repeat: what is to be done stands in the database."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import structlog
from celery import shared_task
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from portal.alerts import items, sending, servers, vaults
from portal.alerts.dispatch import dispatch
from portal.alerts.mail import send_mail
from portal.alerts.models import Alert, Handling, Message, Notice, Opening
from portal.alerts.posting import post
from portal.core.background import send_task, send_task_on_commit
from portal.core.chunks import chunked

KEEP_MESSAGES: Final = timedelta(days=90)
KEEP_OPENINGS: Final = timedelta(days=400)
SENT_AT_ONCE: Final = 2_000
"""Items named in one task; what is more the sweep finds."""

log = structlog.get_logger(__name__)


def evaluate_on_commit(item_ids: Sequence[int]) -> None:
    """Have these items evaluated once the transaction around is committed."""
    send_task_on_commit("portal.alerts.tasks.evaluate", list(item_ids)[:SENT_AT_ONCE])


@shared_task(soft_time_limit=60, time_limit=90)  # seconds
def evaluate(item_ids: list[int]) -> None:
    """Bring the alerts of some Protected Items to where they stand."""
    if items.evaluate(item_ids).changed:
        dispatch()


@shared_task(soft_time_limit=60, time_limit=90)  # seconds
def sweep() -> None:
    """Find what nobody evaluated, dispatched or sent, and have it done. Reads alone where all is done."""
    missed = items.missed_turns()
    if missed:
        items.evaluate(missed)
    servers.evaluate_servers()
    dispatch()
    sending.take_up_abandoned()
    for pk, is_mail in sending.list_due():
        send_task("portal.alerts.tasks.send", pk, is_mail)


@shared_task(soft_time_limit=200, time_limit=280)  # seconds
def sweep_slow() -> None:
    """What only time turns: items that fell silent, vaults that filled up."""
    items.evaluate(items.silent_turns(timezone.now()))
    vaults.evaluate_vaults()


@shared_task(soft_time_limit=40, time_limit=60)  # seconds
def send(pk: int, is_mail: bool) -> None:
    """Send one message, if it is due and nobody else does."""
    sending.deliver(pk, send_mail if is_mail else post)


@shared_task(soft_time_limit=200, time_limit=280)  # seconds
def retain() -> None:
    """Remove what is told and old: messages, undo, and openings long closed.

    Who is to be told of a closing follows from the message that told of the opening, which stays till then.
    """
    now = timezone.now()
    old = [
        Message.objects.filter(created_at__lt=now - KEEP_MESSAGES).exclude(
            Q(state=Message.State.WAITING)
            | Exists(Notice.objects.filter(message=OuterRef("pk"), opening__closing_told=False))
        ),
        Handling.objects.filter(made_at__lt=now - KEEP_MESSAGES),
        Opening.objects.filter(closed_at__lt=now - KEEP_OPENINGS),
        Alert.objects.filter(is_open=False, closed_at__lt=now - KEEP_OPENINGS),
    ]
    for rows in old:
        for chunk in chunked(list(rows.values_list("pk", flat=True)), 500):
            rows.model._default_manager.filter(pk__in=chunk).delete()
