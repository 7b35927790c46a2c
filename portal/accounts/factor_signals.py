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
from portal.accounts.refusals import UNKNOWN_PERSON
from portal.accounts.selectors import home_tenant_id
from portal.accounts.sessions import end_sessions
from portal.audit import services as audit
from portal.audit.repeats import note_refusal


@receiver(authenticator_added)
def note_added(request: HttpRequest, user: User, authenticator: Authenticator, **_: Any) -> None:
    """Sessions that began without it end, but for this one, which has just proved it."""
    request.session.pop("totp_pending", None)
    if authenticator.type in REAL_FACTORS:
        request.session[SECOND_FACTOR] = True
        if Authenticator.objects.filter(user=user, type__in=REAL_FACTORS).count() == 1:
            end_sessions(user, keep=request.session.session_key)
    _note("factor.add", request, user, authenticator)


@receiver(authenticator_removed)
def note_removed(request: HttpRequest, user: User, authenticator: Authenticator, **_: Any) -> None:
    if not Authenticator.objects.filter(user=user, type__in=REAL_FACTORS).exists():
        request.session[SECOND_FACTOR] = False
    end_sessions(user, keep=request.session.session_key)
    _note("factor.remove", request, user, authenticator)


@receiver(authenticator_reset)
def note_new_codes(request: HttpRequest, user: User, authenticator: Authenticator, **_: Any) -> None:
    _note("factor.new_codes", request, user, authenticator)


@receiver(authenticator_used)
def note_used(request: HttpRequest, user: User, authenticator: Authenticator, **_: Any) -> None:
    if request.user == user:  # a proof in the middle of a session; a sign-in begins one and notes it there
        request.session[SECOND_FACTOR] = True
    is_code = authenticator.type == Authenticator.Type.RECOVERY_CODES
    _note("factor.recovery_code" if is_code else "factor.use", request, user, authenticator)


@receiver(authentication_failed)
def note_failure(
    request: HttpRequest, user: User | None, authenticator: Authenticator | None, **_: Any
) -> None:
    """Counted by the minute. Who failed is known only where he was signed in already."""
    is_known = user is not None and request.user == user
    note_refusal(
        "factor.fail",
        actor=user if is_known else None,
        actor_label="" if is_known else (audit.label_of(user) if user else UNKNOWN_PERSON),
        tenant_id=home_tenant_id(user) if user else None,
        target=user,
        ip=audit.ip_of(request),
        details={"factor": TYPE_WORDS[authenticator.type] if authenticator else "Passkey or security key"},
    )


@receiver(password_changed)
@receiver(password_set)
def end_other_sessions(request: HttpRequest, user: User, **_: Any) -> None:
    ended = end_sessions(user, keep=request.session.session_key)
    _note("password.change", request, user, None, sessions_ended=ended)


@receiver(password_reset)
def end_every_session(request: HttpRequest, user: User, **_: Any) -> None:
    ended = end_sessions(user)
    _note("password.reset", request, user, None, sessions_ended=ended)


def _note(
    action: str, request: HttpRequest, user: User, authenticator: Authenticator | None, **details: Any
) -> None:
    if authenticator is not None:
        details["factor"] = TYPE_WORDS[authenticator.type]
        if authenticator.type == Authenticator.Type.WEBAUTHN:
            details["name"] = authenticator.wrap().name
    audit.note(
        action,
        audit.DONE,
        actor=user,
        tenant_id=home_tenant_id(user),
        target=user,
        ip=audit.ip_of(request),
        details=details,
    )
