"""A person's own security page: second factors, sessions; and forms that waited for a proof."""

from typing import Any
from urllib.parse import urlencode

import requests
import structlog
from allauth.account import views as allauth_views
from allauth.socialaccount.providers.openid_connect import views as oidc_views
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from portal.accounts import factors, sessions
from portal.accounts.mail import mail_is_sent
from portal.accounts.reauthentication import KEPT_FIELD, KeptForm, cannot_prove
from portal.audit import services as audit
from portal.core.access import PortalRequest, public, signed_in

log = structlog.get_logger(__name__)


@public
def password_reset(request: PortalRequest) -> HttpResponse:
    """Ask for a link by mail, or be told that this portal sends none."""
    if not mail_is_sent():
        return render(request, "account/password_reset_off.html")
    response: HttpResponse = allauth_views.password_reset(request)
    return response


@signed_in
def password_change(request: PortalRequest) -> HttpResponse:
    """Who comes in by the company's provider alone has no password to change."""
    if not request.user.has_usable_password():
        messages.info(request, "You sign in through your company, without a password.")
        return redirect("accounts:security")
    response: HttpResponse = allauth_views.password_change(request)
    return response


@require_safe
@public
def oidc_login(request: PortalRequest, provider_id: str) -> HttpResponse:
    """Go to the company's provider. Of the query only where to go afterwards is taken.

    django-allauth would also take from it what to ask the provider for, `max_age` included.
    """
    request.GET = QueryDict(urlencode({"next": request.GET.get("next", "")}))
    return _at_provider(request, oidc_views.login, provider_id)


@require_safe
@public
def oidc_callback(request: PortalRequest, provider_id: str) -> HttpResponse:
    """Come back from the company's provider."""
    return _at_provider(request, oidc_views.callback, provider_id)


def _at_provider(request: PortalRequest, view: Any, provider_id: str) -> HttpResponse:
    try:
        response: HttpResponse = view(request, provider_id)
    except requests.RequestException as error:
        log.warning("oidc.no_answer", error=type(error).__name__)
        context = {"why": "Your provider does not answer. Try again in some minutes."}
        return render(request, "socialaccount/authentication_error.html", context, status=503)
    return response


@never_cache
@require_safe
@signed_in
def security(request: PortalRequest) -> HttpResponse:
    """How the person signs in, and where he is signed in."""
    held = factors.list_factors(request.user)
    types = {factor.type for factor in held}
    context = {
        "factors": held,
        "has_second_factor": not types.isdisjoint(factors.REAL_FACTORS),
        "has_app": "totp" in types,
        "has_codes": "recovery_codes" in types,
        "sessions": sessions.list_sessions(request.user),
        "current_key": request.session.session_key,
    }
    return render(request, "accounts/security.html", context)


@require_safe
@signed_in
def to_security(request: PortalRequest) -> HttpResponse:
    """Where django-allauth's pages lead back to."""
    return redirect("accounts:security")


@require_safe
@signed_in
def proof_needed(request: PortalRequest) -> HttpResponse:
    """What somebody meets whose provider vouches for no fresh proof, before what is dangerous."""
    if not cannot_prove(request):
        return redirect("accounts:security")
    return render(request, "accounts/proof_needed.html", status=403)


@require_POST
@signed_in
def session_end(request: PortalRequest, pk: int) -> HttpResponse:
    """Sign out one session of one's own."""
    row = sessions.get_session(request.user, pk)
    if row.session_key == request.session.session_key:
        logout(request)
        return redirect("account_login")
    sessions.sign_out(request.user, actor=request.user, ip=audit.ip_of(request), only=row.session_key)
    messages.success(request, "That session is signed out.")
    return redirect("accounts:security")


@require_POST
@signed_in
def sessions_end(request: PortalRequest) -> HttpResponse:
    """Sign out every session of one's own; with `keep`, all but this one."""
    keep = request.session.session_key if "keep" in request.POST else None
    ended = sessions.sign_out(request.user, actor=request.user, ip=audit.ip_of(request), keep=keep)
    if keep is None:
        logout(request)
        return redirect("account_login")
    messages.success(request, f"Signed out {ended} other session{'' if ended == 1 else 's'}.")
    return redirect("accounts:security")


@never_cache
@require_safe
@signed_in
def kept_form(request: PortalRequest) -> HttpResponse:
    """After a proof: one click sends the form that waited for it."""
    kept = KeptForm.read(request)
    if kept is None:
        messages.warning(request, "What you had typed is not kept any more. Type it again.")
        return redirect("overview:home")
    context = {"path": kept.path, "name": KEPT_FIELD, "nonce": kept.nonce}
    return render(request, "accounts/kept_form.html", context)
