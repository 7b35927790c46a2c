"""Writes the audit: that an action began, and in a second entry how it ended.

`record` wraps an action that ends before the caller returns. Work that ends later (an Operation, a
sign-in) keeps the entry that `begin` gives and calls `end` with it. Details hold names and values
people may read; never a password, key or token.
"""

import ipaddress
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import models
from django.http import HttpRequest
from django.utils import timezone

import comet
from portal.audit.models import Entry

THE_PORTAL: Final = "Perihelion"
"""Who acts when no person does: nightly work, sweeps, the command line."""

ERROR_LENGTH: Final = 500

DONE: Final = Entry.Outcome.DONE
REFUSED: Final = Entry.Outcome.REFUSED
FAILED: Final = Entry.Outcome.FAILED


class Action:
    """An action that has begun. What is learnt on the way is set here, before it ends."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.target: models.Model | None = None
        self.tenant_id: int | None = entry.tenant_id
        self.details: dict[str, Any] = {}
        self.outcome: Entry.Outcome = Entry.Outcome.DONE

    def refuse(self, reason: str) -> None:
        """Say that it ended as refused, without an exception."""
        self.outcome = Entry.Outcome.REFUSED
        self.details["reason"] = reason


@contextmanager
def record(
    action: str,
    *,
    actor: Any,
    tenant_id: int | None,
    target: models.Model | None = None,
    ip: str | None = None,
    details: Mapping[str, Any] | None = None,
    refusals: tuple[type[Exception], ...] = (PermissionDenied, ValidationError),
) -> Iterator[Action]:
    """Audit the block: `begun` before it, and after it `done`, `refused` (an exception named in
    `refusals`) or `failed` (any other) with its duration. Exceptions pass through.

    Enter it outside `transaction.atomic()`: a rollback around it would take both entries along.
    """
    begun = begin(action, actor=actor, tenant_id=tenant_id, target=target, ip=ip, details=details)
    held = Action(begun)
    started = time.monotonic()
    try:
        yield held
    except BaseException as error:
        refused = isinstance(error, refusals)
        end(
            begun,
            Entry.Outcome.REFUSED if refused else Entry.Outcome.FAILED,
            tenant_id=held.tenant_id,
            target=held.target,
            details=held.details | {"error": error_text(error, readable=refused)},
            duration_ms=_elapsed_ms(started),
        )
        raise
    end(
        begun,
        held.outcome,
        tenant_id=held.tenant_id,
        target=held.target,
        details=held.details,
        duration_ms=_elapsed_ms(started),
    )


def begin(
    action: str,
    *,
    actor: Any,
    tenant_id: int | None,
    target: models.Model | None = None,
    ip: str | None = None,
    details: Mapping[str, Any] | None = None,
    actor_label: str = "",
) -> Entry:
    """Write that `actor` (a User, or None for the portal itself) began something.

    `actor_label` names somebody who is not signed in, such as the address typed at sign-in.
    """
    return Entry.objects.create(
        action=action,
        phase=Entry.Phase.BEGUN,
        tenant_id=tenant_id,
        actor=actor,
        actor_label=(actor_label or label_of(actor))[:255],
        ip_address=ip,
        details=dict(details or {}),
        **_object_columns(target),
    )


def end(
    begun: Entry,
    outcome: Entry.Outcome,
    *,
    tenant_id: int | None = None,
    target: models.Model | None = None,
    details: Mapping[str, Any] | None = None,
    duration_ms: int | None = None,
) -> Entry:
    """Write how what `begun` began has ended. Tenant and target are its own unless given."""
    if duration_ms is None:
        duration_ms = max(0, int((timezone.now() - begun.at).total_seconds() * 1000))
    columns = _object_columns(target) if target is not None else _object_columns_of(begun)
    return Entry.objects.create(
        action=begun.action,
        phase=Entry.Phase.ENDED,
        outcome=outcome,
        begun=begun,
        tenant_id=tenant_id if tenant_id is not None else begun.tenant_id,
        actor_id=begun.actor_id,
        actor_label=begun.actor_label,
        ip_address=begun.ip_address,
        details=dict(details or {}),
        duration_ms=duration_ms,
        **columns,
    )


def note(
    action: str,
    outcome: Entry.Outcome,
    *,
    actor: Any,
    tenant_id: int | None,
    target: models.Model | None = None,
    ip: str | None = None,
    details: Mapping[str, Any] | None = None,
    actor_label: str = "",
) -> Entry:
    """Both halves of something that took no time, such as a sign-in. Gives the second."""
    begun = begin(
        action,
        actor=actor,
        tenant_id=tenant_id,
        target=target,
        ip=ip,
        details=details,
        actor_label=actor_label,
    )
    return end(begun, outcome, duration_ms=0)


def label_of(actor: Any) -> str:
    """Name and address of a User, as they are now; the portal's own name for None."""
    if actor is None:
        return THE_PORTAL
    return f"{actor.name} <{actor.email}>" if actor.name else str(actor.email)


def ip_of(request: HttpRequest) -> str | None:
    """The address the request came from, as the web server states it; None where it has none."""
    try:
        return str(ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")))
    except ValueError:
        return None


def error_text(error: BaseException, *, readable: bool = False) -> str:
    """What of an exception may be kept: the words of those made for people, else only its kind."""
    if isinstance(error, ValidationError):
        return "; ".join(error.messages)[:ERROR_LENGTH]
    if readable or isinstance(error, comet.CometError):
        return str(error)[:ERROR_LENGTH]
    return type(error).__name__


def _object_columns(target: models.Model | None) -> dict[str, str]:
    if target is None:
        return {}
    return {
        "object_type": target._meta.label_lower[:40],
        "object_id": str(target.pk),
        "object_label": str(target)[:255],
    }


def _object_columns_of(entry: Entry) -> dict[str, str]:
    return {
        "object_type": entry.object_type,
        "object_id": entry.object_id,
        "object_label": entry.object_label,
    }


def _elapsed_ms(started: float) -> int:
    return int((time.monotonic() - started) * 1000)
