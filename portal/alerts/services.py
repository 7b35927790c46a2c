"""What people do with alerts: acknowledge, snooze, undo; rules; when they want mail."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from portal.accounts.models import User
from portal.alerts.models import Alert, Handling, MailChoice, Message, Rules
from portal.audit import services as audit
from portal.core.background import send_task_on_commit
from portal.core.events import Fact, publish_all
from portal.tenants.models import Tenant

COLUMNS: Final = ("acknowledged_at", "acknowledged_by_id", "note", "snoozed_until")
_FIELDS: Final = ("acknowledged_at", "acknowledged_by", "note", "snoozed_until")
NAMED: Final = 20


def handle(
    alerts: Sequence[Alert],
    act: Handling.Act,
    *,
    user: User,
    ip: str | None = None,
    note: str = "",
    until: datetime | None = None,
) -> Handling | None:
    """Do the same to some alerts at once; None where there are none. It can be undone by who did it."""
    with transaction.atomic():
        held = _locked(alert.pk for alert in alerts)
        if not held:
            return None
        before = {str(alert.pk): [_plain(getattr(alert, name)) for name in COLUMNS] for alert in held}
        now = timezone.now()
        for alert in held:
            if act == Handling.Act.ACKNOWLEDGE:
                alert.acknowledged_at, alert.acknowledged_by, alert.note = now, user, note
            else:
                alert.snoozed_until = until if act == Handling.Act.SNOOZE else None
                alert.note = note or alert.note
        Alert.objects.bulk_update(held, _FIELDS, batch_size=100)
        handling = Handling.objects.create(act=act, user=user, before=before)
        _note(f"alert.{act.value}", held, user=user, ip=ip, note=note, until=until)
        _tell(held)
    return handling


def undo(handling: Handling, *, user: User, ip: str | None = None) -> int:
    """Put alerts back to how they were before; gives how many. Those that opened anew since stay."""
    with transaction.atomic():
        Handling.objects.filter(pk=handling.pk).update(undone_at=timezone.now())
        held = [
            alert
            for alert in _locked(int(pk) for pk in handling.before)
            if not (alert.is_open and alert.opened_at > handling.made_at)
        ]
        for alert in held:
            acknowledged_at, by, note, snoozed_until = handling.before[str(alert.pk)]
            alert.acknowledged_at = parse_datetime(acknowledged_at) if acknowledged_at else None
            alert.snoozed_until = parse_datetime(snoozed_until) if snoozed_until else None
            alert.acknowledged_by_id, alert.note = by, note
        Alert.objects.bulk_update(held, _FIELDS, batch_size=100)
        if held:
            _note("alert.undo", held, user=user, ip=ip)
            _tell(held)
    return len(held)


def _locked(pks: Iterable[int]) -> list[Alert]:
    alerts = Alert.objects.select_for_update(of=("self",)).filter(pk__in=list(pks))
    return list(alerts.select_related("placement").order_by("pk"))


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _note(action: str, alerts: Sequence[Alert], *, user: User, ip: str | None, **told: Any) -> None:
    """One entry per tenant, so that each reads of its own alone."""
    by_tenant: dict[int, list[Alert]] = {}
    for alert in alerts:
        by_tenant.setdefault(alert.tenant_id, []).append(alert)
    for tenant_id, own in sorted(by_tenant.items()):
        details = {
            "alerts": [alert.label for alert in own[:NAMED]],
            "count": len(own),
            **{key: _plain(value) for key, value in told.items() if value},
        }
        target = own[0] if len(own) == 1 else None
        audit.note(action, audit.DONE, actor=user, tenant_id=tenant_id, target=target, ip=ip, details=details)


def _tell(alerts: Iterable[Alert]) -> None:
    publish_all(Fact("alert.changed", alert.tenant_id, {"alert": alert.pk, "opened": 0}) for alert in alerts)


def save_rules(rules: Rules, *, changed: Iterable[str], user: User, ip: str | None = None) -> None:
    """Store a tenant's rules; `changed` names what is other than before, for the audit."""
    with transaction.atomic():
        rules.save()
        audit.note(
            "alert.rules",
            audit.DONE,
            actor=user,
            tenant_id=rules.tenant_id,
            target=rules.tenant,
            ip=ip,
            details={"changed": sorted(changed)},
        )


def post_test(tenant: Tenant, *, user: User, ip: str | None = None) -> Message | None:
    """Post a test to the tenant's webhook; None where it has none."""
    rules = Rules.objects.filter(tenant=tenant).exclude(hook_url="").first()
    if rules is None:
        return None
    with transaction.atomic():
        message = Message.objects.create(
            rules=rules, is_test=True, due_at=timezone.now() - timedelta(seconds=1)
        )
        audit.note("alert.hook_test", audit.DONE, actor=user, tenant_id=tenant.pk, target=tenant, ip=ip)
        send_task_on_commit("portal.alerts.tasks.send", message.pk, False)
    return message


def save_choice(choice: MailChoice, *, ip: str | None = None) -> None:
    """Store when a person wants mail."""
    with transaction.atomic():
        choice.save()
        audit.note(
            "alert.mail",
            audit.DONE,
            actor=choice.user,
            tenant_id=None,
            ip=ip,
            details={"mail": choice.get_when_display(), "also_when_over": choice.closings},
        )
