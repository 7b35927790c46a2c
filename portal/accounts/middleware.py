"""Ends sessions that are over, and gives each request its `access`, built at first use."""

from collections.abc import Callable
from typing import Any, Final

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.functional import SimpleLazyObject

from portal.accounts import sessions
from portal.accounts.access import access_for
from portal.accounts.selectors import home_tenant_id
from portal.accounts.viewing import TIME_IS_OVER, Viewing, stop_viewing, viewing_of
from portal.audit import services as audit
from portal.core.access import LOOKING, Access
from portal.tenants.switching import chosen_tenant

SAFE_METHODS: Final = ("GET", "HEAD", "OPTIONS")
ENDS_VIEWING: Final = ("accounts:view-as-stop", "account_logout")
NO_FILES: Final = "Files are not handed out meanwhile."


class SessionLimitsMiddleware:
    """Signs a person out whose session was idle for too long or is too old; notes the use of others."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            because = sessions.why_over(request.session)
            if because:
                _end_session(request, because)
            else:
                sessions.keep_session(request, request.user)
        return self.get_response(request)


def _end_session(request: HttpRequest, because: str) -> None:
    user, key = request.user, request.session.session_key
    assert user.is_authenticated  # noqa: S101  (for the type checker)
    request.session.flush()
    request.user = AnonymousUser()
    sessions.end_keys(user, [key] if key else [])
    audit.note(
        "session.end",
        audit.DONE,
        actor=None,
        tenant_id=home_tenant_id(user),
        target=user,
        ip=audit.ip_of(request),
        details={"because": sessions.SAID[because]},
    )


class AccessMiddleware:
    """Sets `viewing`, `whole_access`, `tenant` (of the switcher) and `access` (narrowed to it).

    Who views as somebody else looks and does nothing more: of pages for everybody signed in only those
    that say so are shown, no form is taken but "stop" and "sign out", and no file is handed out.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        asked: Any = request
        asked.viewing = _viewing(request)
        asked.whole_access = SimpleLazyObject(lambda: _seen(request, access_for(asked.user)))
        asked.tenant = SimpleLazyObject(lambda: chosen_tenant(request, asked.whole_access))
        asked.access = SimpleLazyObject(lambda: _narrowed_access(request))
        response = self.get_response(request)
        if asked.viewing and response.get("Content-Disposition", "").startswith("attachment"):
            # Not closed: that would end the request for whoever listens. Nothing of it was read yet.
            return _refused(request, NO_FILES)
        return response

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        """Refuse what is not for looking, while viewing as somebody else."""
        match = request.resolver_match
        if not request.viewing or (match and match.view_name in ENDS_VIEWING):  # type: ignore[attr-defined]
            return None
        if request.method not in SAFE_METHODS:
            return _refused(request, "Nothing was changed.")
        if getattr(view, "hands_out_file", False):
            return _refused(request, NO_FILES)
        permission = getattr(view, "permission", None)
        if permission in LOOKING or permission == "public" or getattr(view, "while_viewing", False):
            return None
        return _refused(request, "This page is not shown meanwhile.")


def _viewing(request: HttpRequest) -> Viewing | None:
    user = request.user
    if not user.is_authenticated:
        return None
    viewing = viewing_of(request.session)
    if viewing is None:
        stop_viewing(request.session, user=user, because=TIME_IS_OVER)
    return viewing


def _refused(request: HttpRequest, said: str) -> HttpResponse:
    return render(request, "accounts/viewing_refused.html", {"said": said}, status=403)


def _seen(request: HttpRequest, own: Access) -> Access:
    viewing: Viewing | None = request.viewing  # type: ignore[attr-defined]
    return viewing.seen_with(own) if viewing else own


def _narrowed_access(request: HttpRequest) -> Access:
    tenant = request.tenant  # type: ignore[attr-defined]
    if not tenant:
        return request.whole_access  # type: ignore[attr-defined]
    return _seen(request, access_for(request.user, within=tenant))
