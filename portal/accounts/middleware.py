"""Ends sessions that are over, and gives each request its `access`, built at first use."""

from collections.abc import Callable

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

from portal.accounts import sessions
from portal.accounts.access import access_for
from portal.accounts.selectors import home_tenant_id
from portal.audit import services as audit
from portal.core.access import Access
from portal.tenants.switching import chosen_tenant


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
    """Sets `whole_access`, `tenant` (of the switcher) and `access` (narrowed to it)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.whole_access = SimpleLazyObject(lambda: access_for(request.user))  # type: ignore[attr-defined]
        request.tenant = SimpleLazyObject(lambda: chosen_tenant(request, request.whole_access))  # type: ignore[attr-defined]
        request.access = SimpleLazyObject(lambda: narrowed_access(request))  # type: ignore[attr-defined]
        return self.get_response(request)


def narrowed_access(request: HttpRequest) -> Access:
    tenant = request.tenant  # type: ignore[attr-defined]
    if not tenant:
        return request.whole_access  # type: ignore[attr-defined]
    return access_for(request.user, within=tenant)
