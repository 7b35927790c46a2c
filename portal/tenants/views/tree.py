"""The tree of Tenants and their pages."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from portal.audit.services import ip_of
from portal.core.access import PortalRequest, hands_out_file, requires
from portal.core.export import csv_response
from portal.core.htmx import render_page
from portal.tenants import branches, selectors, services
from portal.tenants.forms import TenantForm, TenantNameForm, TenantSearchForm
from portal.tenants.models import Tenant


@require_safe
@requires("tenant:view")
def tenant_list(request: PortalRequest) -> HttpResponse:
    """The tree of Tenants the caller may see, or what a search finds in it."""
    form = TenantSearchForm(request.GET)
    text = form.cleaned_data["q"] if form.is_valid() else ""
    branch = branches.search(request.access, text) if text else branches.first_branch(request.access)
    context = {
        "form": form,
        "branch": branch,
        "text": text,
        "can_manage": bool(request.access.tenants_with("tenant:manage")),
    }
    return render_page(
        request,
        "tenants/tenant_list.html",
        "tenants/_tenant_table.html",
        context,
        status=422 if form.errors else 200,
    )


@require_safe
@requires("tenant:view")
def tenant_below(request: PortalRequest, pk: int) -> HttpResponse:
    """The rows directly below a Tenant (pk 0: the topmost), from `?start=` on.

    `?base=` is the depth that the page does not indent.
    """
    if pk:
        Tenant.objects.get_for(request.access, "tenant:view", pk=pk)
    start, base = _number(request, "start"), _number(request, "base")
    branch = branches.branch_below(request.access, pk or None, start=start, base=base)
    return render(request, "tenants/_tenant_rows.html", {"branch": branch})


@require_safe
@hands_out_file
@requires("tenant:view")
def tenant_export(request: PortalRequest) -> HttpResponseBase:
    """The tree, or what a search finds in it, as CSV."""
    form = TenantSearchForm(request.GET)
    if not form.is_valid():
        return redirect("tenants:tenant-list")
    rows = branches.all_rows(request.access, text=form.cleaned_data["q"])
    return csv_response(request, "tenants.csv", branches.CSV_HEADER, rows, branches.csv_cells)


@require_http_methods(["GET", "HEAD", "POST"])
@requires("tenant:manage")
def tenant_create(request: PortalRequest) -> HttpResponse:
    """The form for a new Tenant."""
    form = TenantForm(
        request.POST or None, access=request.access, initial={"parent": request.GET.get("parent")}
    )
    if request.method == "POST" and form.is_valid():
        try:
            tenant = services.create_tenant(
                **form.cleaned_data, access=request.access, actor=request.user, ip=ip_of(request)
            )
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
        name = form.cleaned_data["name"]
        try:
            services.rename_tenant(
                tenant, name=name, access=request.access, actor=request.user, ip=ip_of(request)
            )
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, "Renamed.")
            return redirect("tenants:tenant-detail", tenant.pk)
    context = {"tenant": tenant, "form": form, **selectors.tenant_facts(request.access, tenant)}
    return render(request, "tenants/tenant_detail.html", context, status=422 if form.errors else 200)


def _number(request: PortalRequest, name: str) -> int:
    """A number of the query string; 0 for what is none."""
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else 0
