"""How django-allauth behaves here: nobody signs up without an invitation, a sign-in counts as a proof."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from portal.accounts.closing import closed_to
from portal.accounts.models import User
from portal.accounts.reauthentication import is_recent
from portal.accounts.sessions import UNKNOWN_ADDRESS
from portal.audit import services as audit
from portal.audit.services import ip_of


class AccountAdapter(DefaultAccountAdapter):
    error_messages = DefaultAccountAdapter.error_messages | {
        "too_many_login_attempts": "Too many failed attempts. Wait five minutes, then try again.",
        "rate_limited": "Too many attempts. Wait a minute, then try again.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def pre_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponse | None:
        """Whatever proof was given, people of a suspended tenant stay outside, and are told why."""
        tenant = closed_to(user)
        if tenant is not None:
            audit.note(
                "sign_in.failed",
                audit.REFUSED,
                actor=None,
                actor_label=audit.label_of(user),
                tenant_id=tenant.pk,
                target=user,
                ip=ip_of(request),
                details={"reason": f"{tenant} is suspended"},
            )
            return render(request, "accounts/closed.html", {"tenant": tenant}, status=403)
        response: HttpResponse | None = super().pre_login(request, user, **kwargs)
        return response

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        return not is_recent(context.request)

    def get_client_ip(self, request: HttpRequest) -> str:
        return ip_of(request) or UNKNOWN_ADDRESS
