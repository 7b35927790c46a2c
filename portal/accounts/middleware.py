"""Gives each request its `access`, built at first use."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

from portal.accounts.access import access_for
from portal.core.access import Access
from portal.tenants.models import Tenant

SESSION_TENANT = "tenant_id"
"""Session key of the Tenant chosen in the tenant switcher."""


class AccessMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.tenant = SimpleLazyObject(lambda: chosen_tenant(request))  # type: ignore[attr-defined]
        request.access = SimpleLazyObject(lambda: narrowed_access(request))  # type: ignore[attr-defined]
        return self.get_response(request)


def chosen_tenant(request: HttpRequest) -> Tenant | None:
    """The Tenant of the switcher, or None where all of the person's Tenants are shown."""
    chosen = request.session.get(SESSION_TENANT)
    return Tenant.objects.filter(pk=chosen).first() if chosen else None


def narrowed_access(request: HttpRequest) -> Access:
    user = request.user
    if not user.is_authenticated:
        return access_for(None)
    return access_for(user, within=chosen_tenant(request))
