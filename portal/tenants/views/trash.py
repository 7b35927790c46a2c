"""The trash: what was deleted, how it comes back, how it goes for good."""

from typing import Final

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from portal.audit.services import ip_of
from portal.core.access import PortalRequest, requires
from portal.core.dangerous import dangerous
from portal.core.htmx import render_page
from portal.core.paging import keyset_page
from portal.tenants import selectors
from portal.tenants.forms import ConfirmNameForm
from portal.tenants.trash import KEPT_FOR, purge_tenant, restore_tenant

TRASH_SORTS: Final = {"deleted": "trashed_at"}
LATEST: Final = "-deleted"


@require_safe
@requires("tenant:manage")
def trash_list(request: PortalRequest) -> HttpResponse:
    """Tenants in the trash, below those that the caller manages."""
    rows = selectors.list_trash(request.access)
    page = keyset_page(rows, request, sorts=TRASH_SORTS, default=LATEST)
    context = {
        "page": page,
        "trashed": selectors.trash_facts(request.access, page.rows),
        "days": KEPT_FOR.days,
    }
    return render_page(request, "tenants/trash_list.html", "tenants/_trash_table.html", context)


@require_POST
@requires("tenant:manage")
def tenant_restore(request: PortalRequest, pk: int) -> HttpResponse:
    """Take a Tenant out of the trash."""
    tenant = selectors.get_trashed(request.access, pk)
    try:
        restore_tenant(tenant, access=request.access, actor=request.user, ip=ip_of(request))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return redirect("tenants:trash-list")
    messages.success(request, f"{tenant} is back, with its people. Look at what is placed with it.")
    return redirect("tenants:tenant-detail", tenant.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@requires("tenant:manage")
@dangerous
def tenant_purge(request: PortalRequest, pk: int) -> HttpResponse:
    """Delete a trashed Tenant for good, once its name was typed."""
    tenant = selectors.get_trashed(request.access, pk, act="tenant:purge")
    form = ConfirmNameForm(request.POST or None, name=tenant.name)
    if request.method == "POST" and form.is_valid():
        try:
            purge_tenant(tenant, access=request.access, actor=request.user, ip=ip_of(request))
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, f"{tenant.name} is deleted. The audit keeps what was done.")
            return redirect("tenants:trash-list")
    context = {"tenant": tenant, "form": form, "losses": selectors.count_losses(tenant, request.access)}
    return render(request, "tenants/tenant_purge.html", context, status=422 if form.errors else 200)
