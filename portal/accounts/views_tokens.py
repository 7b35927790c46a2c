"""Pages about API tokens: one's own, those of a tenant, and the overview of who looks after them."""

from collections.abc import Callable
from typing import Any, Final

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from portal.accounts import selectors_tokens as selectors
from portal.accounts import tokens
from portal.accounts.errors import TokenRefused
from portal.accounts.forms_tokens import OwnTokenForm, TenantTokenForm, TokenFilters, TokenForm
from portal.accounts.models import ApiToken
from portal.accounts.reauthentication import recently_authenticated
from portal.core.access import PortalRequest, requires, signed_in
from portal.core.htmx import render_page
from portal.core.lists import query_of
from portal.core.paging import keyset_page
from portal.tenants.models import Tenant

SORTS: Final = {"end": "expires_at", "made": "created_at", "name": "name"}

Make = Callable[..., tuple[ApiToken, str]]


@require_safe
@signed_in
def token_list(request: PortalRequest) -> HttpResponse:
    """A person's own API tokens."""
    context = {"tokens": selectors.list_own_tokens(request.user)}
    return render(request, "accounts/token_list.html", context)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@recently_authenticated
def token_make(request: PortalRequest) -> HttpResponse:
    """Make an API token of one's own; the answer shows it once."""
    form = OwnTokenForm(request.POST or None, access=request.whole_access)
    context = {"form": form, "back_url": reverse("accounts:token-list"), "back_label": "Your API tokens"}
    return _make(request, form, tokens.make_own_token, context)


@require_safe
@requires("tenant:view")
def tenant_token_list(request: PortalRequest, pk: int) -> HttpResponse:
    """The API tokens of a tenant."""
    tenant = Tenant.objects.get_for(request.access, "tenant:view", act="token:manage", pk=pk)
    context = {"tenant": tenant, "tokens": selectors.list_tokens_of(tenant)}
    return render(request, "accounts/tenant_token_list.html", context)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@requires("tenant:view")
@recently_authenticated
def tenant_token_make(request: PortalRequest, pk: int) -> HttpResponse:
    """Make an API token of a tenant; the answer shows it once."""
    tenant = Tenant.objects.get_for(request.access, "tenant:view", act="token:manage", pk=pk)
    form = TenantTokenForm(request.POST or None, access=request.access, tenant=tenant)
    back_url = reverse("accounts:tenant-token-list", args=[tenant.pk])
    context = {"form": form, "tenant": tenant, "back_url": back_url, "back_label": f"API tokens of {tenant}"}

    def make(**made_of: Any) -> tuple[ApiToken, str]:
        return tokens.make_tenant_token(tenant=tenant, **made_of)

    return _make(request, form, make, context)


@require_safe
@requires("token:manage")
def token_overview(request: PortalRequest) -> HttpResponse:
    """The tokens of the caller's tenants, and of the people who hold roles only there."""
    managed = selectors.list_managed_tokens(request.access)
    filters = TokenFilters(request.GET, queryset=managed, request=request)
    page = keyset_page(filters.rows(), request, sorts=SORTS, default="end")
    context = {
        "filters": filters,
        "page": page,
        "query": query_of(request),
        "ends_soon": managed.filter(selectors.expires_soon()).count(),
        "unused": managed.filter(selectors.is_unused()).count(),
    }
    return render_page(
        request,
        "accounts/token_overview.html",
        "accounts/_token_table.html",
        context,
        status=filters.http_status,
    )


@require_POST
@signed_in
def token_revoke(request: PortalRequest, pk: int) -> HttpResponse:
    """Make one's own token, or one that the caller manages, useless at once."""
    token = selectors.get_revocable_token(request.user, request.access, pk)
    tokens.revoke_token(token, actor=request.user)
    messages.success(request, f"{token} lets nobody in any more.")
    if token.owner == request.user:
        return redirect("accounts:token-list")
    if token.owner is None and request.POST.get("back") == "tenant":
        return redirect("accounts:tenant-token-list", token.tenant_id)
    return redirect("accounts:token-overview")


def _make(request: PortalRequest, form: TokenForm, make: Make, context: dict[str, Any]) -> HttpResponse:
    if request.method == "POST" and form.is_valid():
        try:
            token, text = make(**form.made_of(), access=request.whole_access, actor=request.user)
        except TokenRefused as refused:
            form.add_error(None, str(refused))
        else:
            context |= {"token": token, "text": text}
            response = render(request, "accounts/token_made.html", context)
            response["Cache-Control"] = "no-store"
            return response
    return render(request, "accounts/token_make.html", context, status=422 if form.errors else 200)
