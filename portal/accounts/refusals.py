"""Puts what people were refused into the audit: failed attempts count as much as what was done."""

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse

from portal.accounts.errors import InvitationUnusable
from portal.accounts.models import Invitation, User
from portal.accounts.selectors import home_tenant_id
from portal.audit import origin
from portal.audit import services as audit
from portal.audit.repeats import note_refusal

UNKNOWN_PERSON: Final = "Somebody"
"""Who failed to sign in without giving the address of anyone here: what was typed may be a password."""

SAFE: Final = ("GET", "HEAD", "OPTIONS")
LIMITED: Final = 429


class RefusalMiddleware:
    """Notes each change that was answered with 403, or with "too often", unless it was noted already."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        refused = request.method not in SAFE and response.status_code in (403, LIMITED)
        if refused and not origin.current().refusals:
            _note(request, "request.limited" if response.status_code == LIMITED else "request.refused")
        return response


def note_failed_sign_in(user: User | None, *, ip: str | None) -> None:
    """Count an attempt to sign in as `user`, or as nobody here."""
    note_refusal(
        "sign_in.failed",
        actor_label=audit.label_of(user) if user else UNKNOWN_PERSON,
        tenant_id=home_tenant_id(user) if user else None,
        target=user,
        ip=ip,
    )


def note_unusable_invitation(invitation: Invitation | None, error: InvitationUnusable) -> None:
    """Count an attempt to come in by a link that is forged, used, expired or worth nothing any more."""
    note_refusal(
        "person.join",
        actor_label=UNKNOWN_PERSON,
        tenant_id=invitation.tenant_id if invitation else None,
        target=invitation.tenant if invitation else None,
        details={"reason": str(error)},
    )


def _note(request: HttpRequest, action: str) -> None:
    match = request.resolver_match
    asked = match.view_name if match else ""
    user = request.user if request.user.is_authenticated else None
    ids = {name: value for name, value in (match.kwargs if match else {}).items() if _is_id(value)}
    note_refusal(
        action,
        actor=user,
        actor_label="" if user else UNKNOWN_PERSON,
        tenant_id=home_tenant_id(user) if user else None,
        details={"asked_for": asked, **ids},
        same=asked,
    )


def _is_id(value: Any) -> bool:
    """Other parts of an address may be secret, such as an invitation's token."""
    return isinstance(value, int | UUID)
