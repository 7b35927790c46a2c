"""Puts sign-ins, failed ones included, and sign-outs into the audit; tells of roles taken away."""

from typing import Any, Final

from allauth.account.internal.flows.login import get_authentication_records
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import Signal, receiver
from django.http import HttpRequest

from portal.accounts.models import User
from portal.accounts.oidc import proved_to_provider_at
from portal.accounts.refusals import note_failed_sign_in
from portal.accounts.selectors import home_tenant_id
from portal.accounts.sessions import begin_session, drop_row
from portal.accounts.viewing import stop_viewing
from portal.audit import services as audit

WAYS: Final = {"password": "password", "mfa": "second factor or passkey", "socialaccount": "OpenID Connect"}

role_taken = Signal()
"""Sent with `user` after a role was taken away; rooms end what rested on it."""


@receiver(user_logged_in)
def note_sign_in(request: HttpRequest, user: User, **_: Any) -> None:
    methods = [record["method"] for record in get_authentication_records(request, user)]
    by_provider_alone = set(methods) == {"socialaccount"}
    begin_session(request, user, proved_at=proved_to_provider_at(user) if by_provider_alone else None)
    ways = [WAYS.get(method, "") for method in methods]
    audit.note(
        "sign_in",
        audit.DONE,
        actor=user,
        tenant_id=home_tenant_id(user),
        target=user,
        ip=audit.ip_of(request),
        details={"with": ways} if ways else None,
    )


@receiver(user_logged_out)
def note_sign_out(request: HttpRequest, user: User | None, **_: Any) -> None:
    if user is not None:
        stop_viewing(request.session, user=user, because="sign-out")
        drop_row(request)
        audit.note(
            "sign_out",
            audit.DONE,
            actor=user,
            tenant_id=home_tenant_id(user),
            target=user,
            ip=audit.ip_of(request),
        )


@receiver(user_login_failed)
def count_failed_sign_in(credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any) -> None:
    email = str(credentials.get("email") or credentials.get("username") or "").lower()
    user = User.objects.filter(email=email).first()
    note_failed_sign_in(user, ip=audit.ip_of(request) if request else None)
