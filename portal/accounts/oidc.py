"""Sign-in of staff through the company's own OpenID Connect provider.

Nobody is made up: who comes in is somebody whose address the provider has verified, and who is known
here by it or holds an open invitation for it. From then on the provider's subject is what counts. How
old the proof is that he gave to the provider is told by `auth_time`.
"""

from typing import Any, Never

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialAccount, SocialLogin
from django.http import HttpRequest
from django.shortcuts import render

from portal.accounts import services
from portal.accounts.errors import InvitationUnusable
from portal.accounts.models import User
from portal.accounts.refusals import UNKNOWN_PERSON
from portal.accounts.selectors import home_tenant_id
from portal.audit import services as audit
from portal.audit.repeats import note_refusal


class SocialAccountAdapter(DefaultSocialAccountAdapter):
    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return False

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Tie the provider's person to the one here, or refuse."""
        if sociallogin.is_existing:
            return
        said = sociallogin.account.get_provider_account().get_user_data() or {}
        email = str(said.get("email") or "").lower()
        if not email or said.get("email_verified") is not True:
            _refuse(request, None, "Your provider has not verified your mail address.")
        user = User.objects.filter(email=email).first() or _invited(email, str(said.get("name") or ""))
        if user is None:
            _refuse(request, None, "Nobody here has your address. Ask for an invitation.")
        if not user.is_active:
            _refuse(request, user, "This sign-in is closed.")
        if SocialAccount.objects.filter(user=user).exists():
            _refuse(request, user, "This sign-in belongs to another account of your provider.")
        sociallogin.connect(request, user)
        audit.note(
            "person.link",
            audit.DONE,
            actor=user,
            tenant_id=home_tenant_id(user),
            target=user,
            ip=audit.ip_of(request),
            details={"provider": sociallogin.account.get_provider().name},
        )


def proved_to_provider_at(user: User) -> float:
    """When `user`, who comes from the provider, proved to it who he is: Unix seconds; 0 if it does not say.

    It was asked not to rely on a session that has been open there for long (`max_age`); whether it
    heeded that is told by this alone.
    """
    account = SocialAccount.objects.filter(user=user).first()
    told = account and (account.extra_data.get("id_token") or {}).get("auth_time")
    return float(told) if isinstance(told, int | float) else 0.0


def _invited(email: str, name: str) -> User | None:
    try:
        return services.accept_by_verified_mail(email, name=name)
    except InvitationUnusable:
        return None


def _refuse(request: HttpRequest, user: User | None, why: str) -> Never:
    note_refusal(
        "sign_in.failed",
        actor_label=audit.label_of(user) if user else UNKNOWN_PERSON,
        tenant_id=home_tenant_id(user) if user else None,
        target=user,
        ip=audit.ip_of(request),
        details={"with": "OpenID Connect", "reason": why},
    )
    page: Any = render(request, "socialaccount/authentication_error.html", {"why": why}, status=403)
    raise ImmediateHttpResponse(page)
