"""Writes the audit: that an action began, and in a second entry how it ended.

`record` wraps an action that ends before the caller returns. Work that ends later (an Operation, a
sign-in) keeps the entry that `begin` gives and calls `end` with it. Details hold names and values
people may read; never a password, key or token: what looks like one is masked. What only the tenant
that owns a Comet Server may read is put into the details for the owner.

Each entry is stamped with the audit key as it is written, and sealed into the chain on commit.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import models, transaction
from django.http import HttpRequest
from django.utils import timezone

import comet
from portal.audit import chain, origin
from portal.audit.content import next_id, plain
from portal.audit.keys import audit_keys
from portal.audit.models import Entry
from portal.core.secrecy import storable

THE_PORTAL: Final = "Perihelion"
"""Who acts when no person does: nightly work, sweeps, the command line."""

ERROR_LENGTH: Final = 500
_TEXTS: Final = {
    name: Entry._meta.get_field(name).max_length  # type: ignore[union-attr]
    for name in ("actor_label", "viewing_as", "via", "object_type", "object_id", "object_label")
}

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
        self.owner_details: dict[str, Any] = {}
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
    owner_tenant_id: int | None = None,
) -> Iterator[Action]:
    """Audit the block: `begun` before it, and after it `done`, `refused` (an exception named in
    `refusals`) or `failed` (any other) with its duration. Exceptions pass through.

    Enter it outside `transaction.atomic()`: a rollback around it would take both entries along.

    With `owner_tenant_id` only readers of the audit in that Tenant read `owner_details`, and what a
    Comet Server answered, which names its address.
    """
    begun = begin(
        action,
        actor=actor,
        tenant_id=tenant_id,
        target=target,
        ip=ip,
        details=details,
        owner_tenant_id=owner_tenant_id,
    )
    held = Action(begun)
    started = time.monotonic()
    try:
        yield held
    except BaseException as error:
        refused = isinstance(error, refusals)
        if owner_tenant_id is not None and isinstance(error, comet.CometError):
            held.owner_details["error"] = error_text(error)
            held.details["error"] = "The Comet Server did not do it"
        else:
            held.details["error"] = error_text(error, readable=refused)
        held.outcome = Entry.Outcome.REFUSED if refused else Entry.Outcome.FAILED
        _end_held(held, started)
        raise
    _end_held(held, started)


def _end_held(held: Action, started: float) -> None:
    end(
        held.entry,
        held.outcome,
        tenant_id=held.tenant_id,
        target=held.target,
        details=held.details,
        owner_details=held.owner_details,
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
    owner_tenant_id: int | None = None,
    owner_details: Mapping[str, Any] | None = None,
) -> Entry:
    """Write that `actor` (a User, or None for the portal itself) began something.

    `actor_label` names somebody who is not signed in, such as the address typed at sign-in. Where
    from, in whose view and by which token is taken from the request under way.
    """
    source = origin.current()
    return _write(
        Entry(
            action=action,
            phase=Entry.Phase.BEGUN,
            tenant_id=tenant_id,
            actor=actor,
            actor_label=(actor_label or label_of(actor)),
            viewing_as=source.viewing_as,
            via=source.via,
            ip_address=ip or source.ip,
            details=dict(details or {}),
            owner_tenant_id=owner_tenant_id,
            owner_details=dict(owner_details or {}),
            **_object_columns(target),
        )
    )


def end(
    begun: Entry,
    outcome: Entry.Outcome,
    *,
    tenant_id: int | None = None,
    target: models.Model | None = None,
    details: Mapping[str, Any] | None = None,
    owner_details: Mapping[str, Any] | None = None,
    duration_ms: int | None = None,
) -> Entry:
    """Write how what `begun` began has ended. Tenant and target are its own unless given."""
    if duration_ms is None:
        duration_ms = max(0, int((timezone.now() - begun.at).total_seconds() * 1000))
    if outcome == Entry.Outcome.REFUSED:
        origin.current().refusals += 1
    columns = _object_columns(target) if target is not None else _object_columns_of(begun)
    return _write(
        Entry(
            action=begun.action,
            phase=Entry.Phase.ENDED,
            outcome=outcome,
            begun=begun,
            tenant_id=tenant_id if tenant_id is not None else begun.tenant_id,
            actor_id=begun.actor_id,
            actor_label=begun.actor_label,
            viewing_as=begun.viewing_as,
            via=begun.via,
            ip_address=begun.ip_address,
            details=dict(details or {}),
            owner_tenant_id=begun.owner_tenant_id,
            owner_details=dict(owner_details or {}),
            duration_ms=duration_ms,
            **columns,
        )
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
    owner_tenant_id: int | None = None,
    owner_details: Mapping[str, Any] | None = None,
) -> Entry:
    """Both halves of something that took no time, such as a sign-in. Gives the second."""
    with transaction.atomic(savepoint=False):
        begun = begin(
            action,
            actor=actor,
            tenant_id=tenant_id,
            target=target,
            ip=ip,
            details=details,
            actor_label=actor_label,
            owner_tenant_id=owner_tenant_id,
            owner_details=owner_details,
        )
        return end(begun, outcome, duration_ms=0)


def _write(entry: Entry) -> Entry:
    """Make the entry fit to be kept for good, stamp it, store it, and seal it on commit."""
    entry.at = timezone.now()
    entry.id = next_id(entry.at)
    for name, length in _TEXTS.items():
        setattr(entry, name, storable(getattr(entry, name))[:length])
    entry.details = plain(entry.details)
    entry.owner_details = plain(entry.owner_details)
    keys = audit_keys()
    entry.stamp = chain.stamp_of(entry, keys[0]) if keys else ""
    entry.save(force_insert=True)
    chain.chain_on_commit()
    return entry


def label_of(actor: Any) -> str:
    """Name and address of a User, as they are now; the portal's own name for None."""
    if actor is None:
        return THE_PORTAL
    return f"{actor.name} <{actor.email}>" if actor.name else str(actor.email)


def ip_of(request: HttpRequest) -> str | None:
    """The address the request came from, as the web server states it; None where it has none."""
    return origin.ip_of(request)


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
        "object_type": target._meta.label_lower,
        "object_id": str(target.pk),
        "object_label": str(target),
    }


def _object_columns_of(entry: Entry) -> dict[str, str]:
    return {
        "object_type": entry.object_type,
        "object_id": entry.object_id,
        "object_label": entry.object_label,
    }


def _elapsed_ms(started: float) -> int:
    return int((time.monotonic() - started) * 1000)
