"""How django-allauth behaves here: nobody signs up without an invitation, a sign-in counts as a proof."""

from typing import Any, Final

import structlog
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.reauthentication import get_reauthentication_flows
from allauth.core import context
from allauth.core.exceptions import ReauthenticationRequired
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from portal.accounts import known_browsers
from portal.accounts.closing import closed_to
from portal.accounts.mail import MAIL_ERRORS
from portal.accounts.models import User
from portal.accounts.reauthentication import cannot_prove, is_recent
from portal.accounts.sessions import UNKNOWN_ADDRESS
from portal.audit import services as audit
from portal.audit.services import ip_of

TOLD_WHEN_NOT_SENT: Final = {"account/email/password_reset_key", "account/email/unknown_account"}
"""Mails somebody waits for. One goes out whether the address is known or not, so that nothing is told."""

log = structlog.get_logger(__name__)


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

    def post_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponse:
        response: HttpResponse = super().post_login(request, user, **kwargs)
        known_browsers.remember(request, response, user.email)
        return response

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """What failed attempts are counted by: the address, and the browser where it is known."""
        email = str(credentials.get("email") or "")
        key = super()._get_login_attempts_cache_key(request, **credentials)
        return f"{key}:{known_browsers.id_of(request, email)}"

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """Also of people without password and second factor, whom django-allauth itself lets pass.

        Who has nothing to prove himself with, and has just signed in, may set up a second factor.
        """
        if is_recent(context.request) or cannot_prove(context.request):
            return False
        if not get_reauthentication_flows(context.request.user):
            raise ReauthenticationRequired
        return True

    def get_client_ip(self, request: HttpRequest) -> str:
        return ip_of(request) or UNKNOWN_ADDRESS

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """A mail server that is away takes nothing else along; who waits for a link is told."""
        try:
            super().send_mail(template_prefix, email, context)
        except MAIL_ERRORS as error:
            log.warning("mail.not_sent", kind=template_prefix, error=type(error).__name__)
            if template_prefix in TOLD_WHEN_NOT_SENT:
                messages.error(self.request, "The mail could not be sent. Try again in some minutes.")

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        """Who has neither password nor second factor proves himself at the company's provider."""
        methods: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        if methods or not user.is_authenticated or not user.socialaccount_set.exists():
            return methods
        url = reverse("openid_connect_login", args=["staff"])
        return [{"id": "oidc", "description": "Use your company's sign-in", "url": url}]
