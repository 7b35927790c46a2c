"""Gives each request its `access`, built at first use."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

from portal.accounts.access import access_for
from portal.core.access import Access
from portal.tenants.switching import chosen_tenant


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
