"""Pages of the tenant tree, and the tenant switcher."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from portal.core.access import PortalRequest, requires, signed_in, while_viewing
from portal.core.htmx import render_page
from portal.tenants import selectors, services
from portal.tenants.forms import TenantForm, TenantNameForm, TenantSearchForm
from portal.tenants.models import Tenant
from portal.tenants.switching import choose_tenant


@require_safe
@requires("tenant:view")
def tenant_list(request: PortalRequest) -> HttpResponse:
    """The tree of Tenants the caller may see."""
    form = TenantSearchForm(request.GET)
    text = form.cleaned_data["q"] if form.is_valid() else ""
    context = {
        "form": form,
        "tenants": selectors.list_tenants(request.access, text=text),
        "can_manage": bool(request.access.tenants_with("tenant:manage")),
    }
    return render_page(request, "tenants/tenant_list.html", "tenants/_tenant_table.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@requires("tenant:manage")
def tenant_create(request: PortalRequest) -> HttpResponse:
    """The form for a new Tenant."""
    form = TenantForm(
        request.POST or None, access=request.access, initial={"parent": request.GET.get("parent")}
    )
    if request.method == "POST" and form.is_valid():
        try:
            tenant = services.create_tenant(**form.cleaned_data, actor=request.user)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(
                request, f"{tenant} is there. Invite its people, or place an organization under it."
            )
            return redirect("tenants:tenant-detail", tenant.pk)
    status = 422 if form.errors else 200
    return render(request, "tenants/tenant_form.html", {"form": form}, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@requires("tenant:view")
def tenant_detail(request: PortalRequest, pk: int) -> HttpResponse:
    """One Tenant: its place in the tree, its people, what is placed under it; POST renames it."""
    act = "tenant:manage" if request.method == "POST" else None
    tenant = Tenant.objects.get_for(request.access, "tenant:view", act=act, pk=pk)
    form = TenantNameForm(request.POST or None, initial={"name": tenant.name})
    if request.method == "POST" and form.is_valid():
        try:
            services.rename_tenant(tenant, name=form.cleaned_data["name"], actor=request.user)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, "Renamed.")
            return redirect("tenants:tenant-detail", tenant.pk)
    context = {"tenant": tenant, "form": form, **selectors.tenant_facts(request.access, tenant)}
    return render(request, "tenants/tenant_detail.html", context, status=422 if form.errors else 200)


@require_safe
@while_viewing
@signed_in
def tenant_options(request: PortalRequest) -> HttpResponse:
    """What the tenant switcher offers; asked for when it opens."""
    options = selectors.list_options(request.whole_access)
    context = {"current": request.tenant, "options": options}
    return render(request, "tenants/_tenant_options.html", context)


@require_POST
@signed_in
def tenant_switch(request: PortalRequest) -> HttpResponse:
    """Look at one Tenant's part of the tree, or (empty) at everything within reach."""
    chosen = request.POST.get("tenant", "")
    tenant = selectors.get_reached_tenant(request.whole_access, chosen) if chosen else None
    choose_tenant(request, tenant)
    target = request.POST.get("next", "")
    if not (target.startswith("/") and url_has_allowed_host_and_scheme(target, None)):
        target = "/"
    return redirect(target)
