"""What a mail about alerts says: grouped by cause, in plain words, as text and as HTML."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from portal.accounts.mail import MAIL_ERRORS, mail_is_sent
from portal.alerts.causes import Cause
from portal.alerts.models import Alert, Notice
from portal.alerts.sending import Claimed, NotSent

MOST_LINES: Final = 20
"""Alerts of one group that are named; the others are counted."""

_NOUNS: Final = {Alert.Kind.ITEM: "device", Alert.Kind.SERVER: "server", Alert.Kind.VAULT: "vault"}


@dataclass(frozen=True, slots=True)
class Line:
    label: str
    where: str
    url: str
    """Empty where the portal does not know its own address."""


@dataclass(frozen=True, slots=True)
class Group:
    """Alerts of one cause: `41 devices: Vault unreachable`."""

    title: str
    lines: list[Line]
    more: int


def send_mail(claimed: Claimed) -> str:
    """Send it.

    Raises:
        NotSent: this installation sends no mail, or the mail server did not take it.
    """
    user = claimed.message.user
    assert user is not None  # noqa: S101  (for the type checker)
    if not mail_is_sent():
        raise NotSent("This portal sends no mail: EMAIL_HOST is not set.")
    with timezone.override(ZoneInfo(user.time_zone or settings.TIME_ZONE)):
        mail = write_mail(claimed)
    try:
        mail.send()
    except MAIL_ERRORS as error:
        raise NotSent(f"The mail server did not take it ({type(error).__name__}).") from error
    return "Taken by the mail server"


def write_mail(claimed: Claimed) -> EmailMultiAlternatives:
    """The mail as it is sent to the message's person; times in the current time zone."""
    opened = groups_of(notice for notice in claimed.notices if notice.what == Notice.What.OPENED)
    closed = groups_of(notice for notice in claimed.notices if notice.what == Notice.What.CLOSED)
    context = {
        "opened": opened,
        "closed": closed,
        "alerts_url": link(reverse("alerts:alert-list")),
        "choice_url": link(reverse("alerts:mail-choice")),
        "at": timezone.localtime(),
    }
    user = claimed.message.user
    mail = EmailMultiAlternatives(
        subject=_subject(opened, closed),
        body=render_to_string("alerts/email/alerts.txt", context),
        to=[user.email] if user else [],
        headers={"Message-ID": f"<{claimed.message.uid}@perihelion>", "Auto-Submitted": "auto-generated"},
    )
    mail.attach_alternative(render_to_string("alerts/email/alerts.html", context), "text/html")
    return mail


def groups_of(notices: Iterable[Notice]) -> list[Group]:
    """Alerts by kind, cause and message, most first."""
    by_cause: dict[tuple[str, str, str], list[Alert]] = defaultdict(list)
    for notice in notices:
        alert = notice.alert
        by_cause[alert.kind, alert.cause, alert.message].append(alert)
    ordered = sorted(by_cause.items(), key=lambda pair: (-len(pair[1]), pair[0]))
    return [_group(kind, cause, message, alerts) for (kind, cause, message), alerts in ordered]


def _group(kind: str, cause: str, message: str, alerts: list[Alert]) -> Group:
    things = {alert.item.device_id if alert.item else alert.pk for alert in alerts}
    noun = _NOUNS[Alert.Kind(kind)]
    said = message or Cause(cause).label
    title = f"{len(things):,} {noun}{'' if len(things) == 1 else 's'}: {said}"
    return Group(title, [_line(alert) for alert in alerts[:MOST_LINES]], max(0, len(alerts) - MOST_LINES))


def _line(alert: Alert) -> Line:
    where = alert.placement.tenant.name
    if alert.kind != Alert.Kind.SERVER:
        where += f", {alert.server.name}"
    return Line(alert.label, where, link(reverse("alerts:alert-detail", args=[alert.pk])))


def link(path: str) -> str:
    return f"{settings.PORTAL_URL}{path}" if settings.PORTAL_URL else ""


def _subject(opened: list[Group], closed: list[Group]) -> str:
    groups = opened or closed
    head = groups[0].title if groups else "Test"
    more = len(groups) - 1
    tail = f" and {more} more cause{'' if more == 1 else 's'}" if more > 0 else ""
    text = f"Perihelion: {'' if opened else 'Over: '}{head}{tail}"
    return " ".join(text.split())[:180]
