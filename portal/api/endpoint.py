"""The one door of the API: by token alone, within its limits, with the permission it states.

No cookie is looked at (`middleware.py`), so nothing here can be done in somebody's name by another
site, and no other origin's script can read an answer: no CORS header is ever sent.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from http import HTTPStatus
from typing import Any, Final

import msgspec
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import patch_vary_headers
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import conditional_page

from portal.accounts.errors import TokenUnusable
from portal.accounts.models import ApiToken
from portal.accounts.token_text import PATTERN, digest_of, is_well_formed
from portal.accounts.token_use import access_by, find_token, note_unusable, note_use, said_of
from portal.api.limits import TooMany, count_refusal, count_request
from portal.api.problems import Problem, not_found, unauthorized
from portal.api.queries import NoQuery, QueryT, read_query
from portal.audit.origin import ip_of, network_of
from portal.core.access import PERMISSIONS, Access, PortalRequest

TOKEN_PARAMETERS: Final = frozenset({"token", "access_token", "api_token", "api_key", "key", "authorization"})
"""Names under which people put tokens into addresses."""

MAKE_ONE: Final = "Make an API token in the portal's settings and send it as: Authorization: Bearer phn_..."


@dataclass(frozen=True)
class Endpoint:
    """What the OpenAPI document says of an address."""

    name: str
    permission: str
    summary: str
    description: str
    query: type[NoQuery]
    answer: type[msgspec.Struct]


def endpoint(
    permission: str, *, answer: type[msgspec.Struct], query: type[QueryT]
) -> Callable[[Callable[..., Any]], Callable[..., HttpResponseBase]]:
    """Make a view of a function that takes an Access, the query and what the address names.

    Answers GET and HEAD with what the function gives, as JSON with an ETag; 401 without a token that
    lets in, 403 without `permission`, 400 for a query that cannot be used, 429 beyond the limits.
    """
    if permission not in PERMISSIONS:
        raise LookupError(f"{permission!r} is not in the permission table")

    def decorate(handler: Callable[..., Any]) -> Callable[..., HttpResponseBase]:
        @gzip_page
        @conditional_page
        @wraps(handler)
        def view(request: HttpRequest, **named: Any) -> HttpResponse:
            try:
                access = _let_in(request, permission)
                found = handler(access, read_query(request.GET, query), **named)
            except Problem as problem:
                return problem.response()
            except Http404:
                return not_found().response()
            return _json(found)

        said, _, more = (handler.__doc__ or "").partition("\n\n")
        marked: Any = view
        marked.endpoint = Endpoint(
            handler.__name__, permission, said.rstrip("."), " ".join(more.split()), query, answer
        )
        marked.permission = permission  # read by tests/test_conventions.py
        marked.login_required = False  # the token is the sign-in
        marked.csrf_exempt = True  # no cookie counts, so nothing can be forged
        return view

    return decorate


def _let_in(request: HttpRequest, permission: str) -> Access:
    """The token's Access, once all is in order; it is the request's own from here on."""
    if request.method not in ("GET", "HEAD"):
        raise Problem(
            HTTPStatus.METHOD_NOT_ALLOWED,
            "method",
            f"{request.method} is not offered here: this API reads.",
            "Use GET.",
            headers={"Allow": "GET, HEAD"},
        )
    _refuse_token_in_address(request)
    text = _bearer(request)
    ip = ip_of(request)
    _count(ip, text)
    try:
        if not text:
            raise unauthorized("no-token", "This address needs an API token, and none was sent.", MAKE_ONE)
        token = find_token(text)
        access = access_by(token)
    except TokenUnusable as error:
        count_refusal(network_of(ip))
        note_unusable(error, ip=ip)
        raise unauthorized("token", str(error), MAKE_ONE, error="invalid_token") from None
    note_use(token, ip=ip)
    _sign_in(request, token, access)
    if not access.tenants_with(permission):
        raise _lacks(permission, token)
    return access


def _refuse_token_in_address(request: HttpRequest) -> None:
    names = {name.casefold() for name in request.GET}
    if names & TOKEN_PARAMETERS or PATTERN.search(request.META.get("QUERY_STRING", "")):
        raise Problem(
            HTTPStatus.BAD_REQUEST,
            "token-in-address",
            "A token is never sent in the address: addresses are kept in logs and histories.",
            "Send it in the header Authorization: Bearer ... If it was a real one, revoke it now.",
        )


def _bearer(request: HttpRequest) -> str:
    """The token of the Authorization header; empty where there is none."""
    scheme, _, text = request.headers.get("Authorization", "").strip().partition(" ")
    return text.strip() if scheme.casefold() == "bearer" else ""


def _count(ip: str | None, text: str) -> None:
    try:
        count_request(network_of(ip), digest_of(text) if is_well_formed(text) else "")
    except TooMany as error:
        raise Problem(
            HTTPStatus.TOO_MANY_REQUESTS,
            "too-many",
            str(error),
            f"Wait {error.retry_after} seconds. Ask for up to 500 rows at a time, and for less often what"
            " rarely changes.",
            headers={"Retry-After": str(error.retry_after)},
        ) from None


def _sign_in(request: Any, token: ApiToken, access: Access) -> None:
    """From here on the request may do what the token may, and the audit says by which it came."""
    signed: PortalRequest = request
    signed.access = signed.whole_access = access
    signed.tenant = None
    request.via = said_of(token)


def _lacks(permission: str, token: ApiToken) -> Problem:
    meaning = PERMISSIONS[permission]
    if permission not in token.scope:
        detail = f"This token does not allow {permission} ({meaning})."
        next_step = "Make a token that allows it."
    else:
        detail = f"This token allows {permission} ({meaning}), but its owner does not hold that any more."
        next_step = "Ask an administrator of the tenant for the role."
    challenge = f'Bearer realm="Perihelion", error="insufficient_scope", scope="{permission}"'
    return Problem(HTTPStatus.FORBIDDEN, "scope", detail, next_step, headers={"WWW-Authenticate": challenge})


def _json(found: msgspec.Struct) -> HttpResponse:
    response = HttpResponse(msgspec.json.encode(found), content_type="application/json")
    response["Cache-Control"] = "private, no-cache"  # kept by who asked, and asked about each time
    patch_vary_headers(response, ["Authorization"])
    return response
