"""Puts sign-ins, failed ones included, and sign-outs into the audit; tells of roles taken away."""

from typing import Any, Final

from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import Signal, receiver
from django.http import HttpRequest

from portal.accounts.models import Membership, User
from portal.audit import services as audit

role_taken = Signal()
"""Sent with `user` after a role was taken away; rooms end what rested on it."""

UNKNOWN_PERSON: Final = "Somebody"
"""Who failed to sign in without giving the address of anyone here: what was typed may be a password."""


@receiver(user_logged_in)
def note_sign_in(request: HttpRequest, user: User, **_: Any) -> None:
    audit.note(
        "sign_in", audit.DONE, actor=user, tenant_id=_tenant_id(user), target=user, ip=audit.ip_of(request)
    )


@receiver(user_logged_out)
def note_sign_out(request: HttpRequest, user: User | None, **_: Any) -> None:
    if user is not None:
        audit.note(
            "sign_out",
            audit.DONE,
            actor=user,
            tenant_id=_tenant_id(user),
            target=user,
            ip=audit.ip_of(request),
        )


@receiver(user_login_failed)
def note_failed_sign_in(credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any) -> None:
    email = str(credentials.get("email") or credentials.get("username") or "").lower()
    user = User.objects.filter(email=email).first()
    audit.note(
        "sign_in.failed",
        audit.REFUSED,
        actor=None,
        actor_label=audit.label_of(user) if user else UNKNOWN_PERSON,
        tenant_id=_tenant_id(user) if user else None,
        target=user,
        ip=audit.ip_of(request) if request else None,
    )


def _tenant_id(user: User) -> int | None:
    """The Tenant of somebody who has roles in one alone; others are seen by who sees every Tenant."""
    tenants = set(Membership.objects.filter(user=user).values_list("tenant_id", flat=True))
    return tenants.pop() if len(tenants) == 1 else None
