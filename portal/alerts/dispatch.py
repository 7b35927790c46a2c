"""Who is told of what turned, by which message and when. Sends nothing itself.

Reads the openings whose halves were not told yet, writes a Notice for each recipient and marks the
half as told, in one transaction: a killed process tells of it again from the start, or not at all.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from portal.accounts.access import access_for
from portal.accounts.mail import mail_is_sent
from portal.accounts.models import User
from portal.alerts import quiet
from portal.alerts.models import Alert, MailChoice, Message, Notice, Opening, Rules
from portal.alerts.rules import RuleBook
from portal.alerts.turns import FLAPPING
from portal.core.access import TenantSet

CHUNK: Final = 500
GATHER_MAIL: Final = timedelta(minutes=1)
"""How long a mail waits for more that opens."""

GATHER_POST: Final = timedelta(seconds=10)

What = Notice.What


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who wants mail, with the Tenants whose alerts he may see."""

    user: User
    choice: MailChoice
    tenants: TenantSet


def dispatch() -> int:
    """Write notices for everything that turned and was not told; gives how many halves that were."""
    done = 0
    for what in (What.OPENED, What.CLOSED):
        while count := _dispatch_some(what):
            done += count
    return done


def _dispatch_some(what: What) -> int:
    with transaction.atomic():
        openings = _untold(what)
        if not openings:
            return 0
        rules, now = RuleBook(), timezone.now()
        for reader in _readers():
            _tell_reader(reader, what, openings, rules, now)
        for hook in list_hooks():
            _tell_hook(hook, what, openings, rules, now)
        told = {"opening_told": True} if what == What.OPENED else {"closing_told": True}
        Opening.objects.filter(pk__in=[opening.pk for opening in openings]).update(**told)
        return len(openings)


def _untold(what: What) -> list[Opening]:
    """Locked, so that two who dispatch at once do not both tell of them; what is snoozed waits."""
    openings = Opening.objects.select_for_update(of=("self",)).select_related("alert__placement__tenant")
    openings = openings.exclude(alert__snoozed_until__gt=timezone.now())
    if what == What.OPENED:
        openings = openings.filter(opening_told=False)
    else:
        openings = openings.filter(opening_told=True, closing_told=False, closed_at__isnull=False)
    return list(openings.order_by("pk")[:CHUNK])


def _readers() -> list[Reader]:
    if not mail_is_sent():
        return []
    choices = MailChoice.objects.exclude(when=MailChoice.When.OFF).filter(user__is_active=True)
    return [
        Reader(choice.user, choice, access_for(choice.user).tenants_with("alert:view"))
        for choice in choices.select_related("user").order_by("pk")
    ]


def list_hooks() -> list[Rules]:
    """Webhooks of tenants that are neither suspended nor in the trash."""
    hooks = Rules.objects.exclude(hook_url="").filter(tenant__is_suspended=False, tenant__is_trashed=False)
    return list(hooks.select_related("tenant").order_by("pk"))


def _tell_reader(
    reader: Reader, what: What, openings: Iterable[Opening], rules: RuleBook, now: datetime
) -> None:
    own = [one for one in openings if one.alert.placement.tenant_id in reader.tenants]
    if what == What.CLOSED and not reader.choice.closings:
        return
    keys = _told_before(reader.user, own)
    if what == What.OPENED:
        own = [one for one in own if (one.alert_id, one.episode, What.OPENED) not in keys]
    else:
        own = [
            one
            for one in own
            if keys.get((one.alert_id, one.episode, What.OPENED)) == Message.State.SENT
            and (one.alert_id, one.episode, What.CLOSED) not in keys
        ]
    by_due: dict[datetime, list[Opening]] = defaultdict(list)
    for one in own:
        by_due[_due_for(reader, what, one.alert, rules, now)].append(one)
    for due, some in sorted(by_due.items()):
        message = _gathering(due, GATHER_MAIL, user=reader.user)
        _write(message, what, some, user=reader.user)


def _told_before(user: User, openings: Sequence[Opening]) -> dict[tuple[int, int, str], str]:
    """What this person was, or will be, told of the same episodes, with the state of the message."""
    held = Notice.objects.filter(user=user, alert__in={one.alert_id for one in openings})
    rows = held.values_list("alert", "episode", "what", "message__state")
    return {(alert, episode, what): state for alert, episode, what, state in rows}


def _due_for(reader: Reader, what: What, alert: Alert, rules: RuleBook, now: datetime) -> datetime:
    """When to tell: gathered for a minute, in the morning, or when quiet hours end.

    That it is over is told once it has been for an hour: what breaks again sooner was not over.
    """
    if reader.choice.when == MailChoice.When.DIGEST:
        return quiet.next_morning(now, reader.user.time_zone or settings.TIME_ZONE)
    due = now + (FLAPPING if what == What.CLOSED else GATHER_MAIL)
    return rules.of(alert.placement.tenant.path).quiet_end(due) or due


def _tell_hook(hook: Rules, what: What, openings: Iterable[Opening], rules: RuleBook, now: datetime) -> None:
    by_due: dict[datetime, list[Opening]] = defaultdict(list)
    for one in openings:
        tenant = one.alert.placement.tenant
        if tenant.path.startswith(hook.tenant.path):
            due = now + GATHER_POST
            by_due[rules.of(tenant.path).quiet_end(due) or due].append(one)
    for due, some in sorted(by_due.items()):
        _write(_gathering(due, GATHER_POST, rules=hook), what, some, rules=hook)


def _gathering(due: datetime, within: timedelta, **recipient: User | Rules) -> Message:
    """The recipient's message that leaves by `due` and no more than `within` sooner; a new one else."""
    waiting = Message.objects.select_for_update().filter(
        state=Message.State.WAITING,
        is_test=False,
        attempts=0,
        due_at__gt=max(timezone.now(), due - within - timedelta(seconds=1)),
        due_at__lte=due,
        **recipient,
    )
    return waiting.order_by("due_at").first() or Message.objects.create(due_at=due, **recipient)


def _write(message: Message, what: What, openings: Iterable[Opening], **recipient: User | Rules) -> None:
    Notice.objects.bulk_create(
        (
            Notice(
                alert_id=one.alert_id,
                opening=one,
                episode=one.episode,
                what=what,
                message=message,
                **recipient,
            )
            for one in openings
        ),
        batch_size=200,
        ignore_conflicts=True,
    )
