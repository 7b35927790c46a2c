"""What follows when somebody adds, uses, or loses a second factor, or changes the password."""

from typing import Any

from allauth.account.signals import password_changed, password_reset, password_set
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import (
    authentication_failed,
    authenticator_added,
    authenticator_removed,
    authenticator_reset,
    authenticator_used,
)
from django.dispatch import receiver
from django.http import HttpRequest

from portal.accounts.factors import REAL_FACTORS, SECOND_FACTOR, TYPE_WORDS
from portal.accounts.models import User
from portal.accounts.selectors import home_tenant_id
from portal.accounts.sessions import end_sessions
from portal.audit import services as audit


@receiver(authenticator_added)
def note_added(request: HttpRequest, user: User, authenticator: Authenticator, **_: Any) -> None:
    """Sessions that began without it end, but for this one, which has just proved it."""
    request.session.pop("totp_pending", None)
    if authenticator.type in REAL_FACTORS:
        request.session[SECOND_FACTOR] = True
        if Authenticator.objects.filter(user=user, type__in=REAL_FACTORS).count() == 1:
            end_sessions(user, keep=request.session.session_key)
    _note("factor.add", audit.DONE, request, user, authenticator)


@receiver(authenticator_removed)
def note_removed(request: HttpRequest, user: User, authenticator: Authenticator, **_: Any) -> None:
    if not Authenticator.objects.filter(user=user, type__in=REAL_FACTORS).exists():
        request.session[SECOND_FACTOR] = False
    end_sessions(user, keep=request.session.session_key)
    _note("factor.remove", audit.DONE, request, user, authenticator)


@receiver(authenticator_reset)
def note_new_codes(request: HttpRequest, user: User, authenticator: Authenticator, **_: Any) -> None:
    _note("factor.new_codes", audit.DONE, request, user, authenticator)


@receiver(authenticator_used)
def note_used(request: HttpRequest, user: User, authenticator: Authenticator, **_: Any) -> None:
    if request.user == user:  # a proof in the middle of a session; a sign-in begins one and notes it there
        request.session[SECOND_FACTOR] = True
    is_code = authenticator.type == Authenticator.Type.RECOVERY_CODES
    _note("factor.recovery_code" if is_code else "factor.use", audit.DONE, request, user, authenticator)


@receiver(authentication_failed)
def note_failure(
    request: HttpRequest, user: User | None, authenticator: Authenticator | None, **_: Any
) -> None:
    _note("factor.fail", audit.REFUSED, request, user, authenticator)


@receiver(password_changed)
@receiver(password_set)
def end_other_sessions(request: HttpRequest, user: User, **_: Any) -> None:
    ended = end_sessions(user, keep=request.session.session_key)
    _note("password.change", audit.DONE, request, user, None, sessions_ended=ended)


@receiver(password_reset)
def end_every_session(request: HttpRequest, user: User, **_: Any) -> None:
    ended = end_sessions(user)
    _note("password.reset", audit.DONE, request, user, None, sessions_ended=ended)


def _note(
    action: str,
    outcome: audit.Entry.Outcome,
    request: HttpRequest,
    user: User | None,
    authenticator: Authenticator | None,
    **details: Any,
) -> None:
    """Whoever failed is not known to be that person: no actor, as with a failed sign-in."""
    if authenticator is not None:
        details["factor"] = TYPE_WORDS[authenticator.type]
        if authenticator.type == Authenticator.Type.WEBAUTHN:
            details["name"] = authenticator.wrap().name
    is_known = outcome == audit.DONE or request.user == user
    audit.note(
        action,
        outcome,
        actor=user if is_known else None,
        actor_label="" if is_known else (audit.label_of(user) if user else "Somebody"),
        tenant_id=home_tenant_id(user) if user else None,
        target=user,
        ip=audit.ip_of(request),
        details=details,
    )
