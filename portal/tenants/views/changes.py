"""Moving, suspending, resuming and deleting a Tenant: each says first what it changes."""

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from portal.audit.services import ip_of
from portal.core.access import PortalRequest, requires
from portal.core.dangerous import dangerous
from portal.tenants import services
from portal.tenants.comet_users import comet_users
from portal.tenants.forms import CometUsersForm, ConfirmNameForm, MoveForm
from portal.tenants.models import Tenant
from portal.tenants.preview import preview_move
from portal.tenants.selectors import count_losses, list_visible_above
from portal.tenants.suspension import resume_tenant, suspend_tenant
from portal.tenants.trash import KEPT_FOR, require_no_servers, trash_tenant


@require_http_methods(["GET", "HEAD", "POST"])
@requires("tenant:manage")
def tenant_move(request: PortalRequest, pk: int) -> HttpResponse:
    """Where to (GET), what that changes (GET with `parent`), and the move itself (POST)."""
    tenant = _tenant_to_change(request, pk)
    data = request.POST if request.method == "POST" else request.GET if "parent" in request.GET else None
    form = MoveForm(data, access=request.access, tenant=tenant)
    preview = None
    if form.is_valid():
        parent = form.cleaned_data["parent"]
        try:
            if request.method == "POST":
                services.move_tenant(
                    tenant, parent=parent, access=request.access, actor=request.user, ip=ip_of(request)
                )
                messages.success(request, f"{tenant} is below {parent} now.")
                return redirect("tenants:tenant-detail", tenant.pk)
            services.require_movable(tenant, parent=parent, access=request.access)
            preview = preview_move(tenant, parent, request.access)
        except ValidationError as error:
            _tell(form, error)
    context = {"form": form, "preview": preview, **_context(request, tenant)}
    return render(request, "tenants/tenant_move.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@requires("tenant:manage")
@dangerous
def tenant_suspend(request: PortalRequest, pk: int) -> HttpResponse:
    """Suspend a Tenant, and where it is wanted its users on the Comet Servers."""
    tenant = _tenant_to_change(request, pk)
    count = comet_users().to_suspend(tenant, request.access)
    form = CometUsersForm(_posted(request), verb="suspend", count=count)
    if request.method == "POST" and form.is_valid():
        try:
            suspend_tenant(tenant, access=request.access, actor=request.user, ip=ip_of(request))
        except ValidationError as error:
            _tell(form, error)
        else:
            messages.success(request, f"{tenant} is suspended. Its people are signed out.")
            start = comet_users().suspend if form.cleaned_data["comet_users"] else None
            operation = start and start(tenant, request.access, request.user, ip_of(request))
            return _go_on(tenant, operation)
    context = {
        "form": form,
        "count": count,
        "losses": count_losses(tenant, request.access),
        **_context(request, tenant),
    }
    return render(request, "tenants/tenant_suspend.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@requires("tenant:manage")
def tenant_resume(request: PortalRequest, pk: int) -> HttpResponse:
    """Let a Tenant's people in again, and where it is wanted resume its users on the Comet Servers."""
    tenant = _tenant_to_change(request, pk)
    count = comet_users().to_resume(tenant, request.access)
    form = CometUsersForm(_posted(request), verb="resume", count=count, initial={"comet_users": True})
    if request.method == "POST" and form.is_valid():
        try:
            resume_tenant(tenant, access=request.access, actor=request.user, ip=ip_of(request))
        except ValidationError as error:
            _tell(form, error)
        else:
            messages.success(request, f"{tenant} is open again.")
            start = comet_users().resume if form.cleaned_data["comet_users"] else None
            operation = start and start(tenant, request.access, request.user, ip_of(request))
            return _go_on(tenant, operation)
    context = {"form": form, "count": count, **_context(request, tenant)}
    return render(request, "tenants/tenant_resume.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@requires("tenant:manage")
@dangerous
def tenant_delete(request: PortalRequest, pk: int) -> HttpResponse:
    """Put a Tenant into the trash, once its name was typed."""
    tenant = _tenant_to_change(request, pk)
    form = ConfirmNameForm(_posted(request), name=tenant.name)
    problem = ""
    try:
        require_no_servers(tenant)
        if request.method == "POST" and form.is_valid():
            trash_tenant(tenant, access=request.access, actor=request.user, ip=ip_of(request))
            messages.success(
                request, f"{tenant} is in the trash. It can be restored for {KEPT_FOR.days} days."
            )
            return redirect("tenants:trash-list")
    except ValidationError as error:
        problem = " ".join(error.messages)
    context = {
        "form": form,
        "problem": problem,
        "losses": count_losses(tenant, request.access),
        "days": KEPT_FOR.days,
        **_context(request, tenant),
    }
    refused = form.errors or (problem and request.method == "POST")
    return render(request, "tenants/tenant_delete.html", context, status=422 if refused else 200)


def _tenant_to_change(request: PortalRequest, pk: int) -> Tenant:
    """404 where it is not seen; 403 unless the caller manages it, all below it, and its parent."""
    tenant = Tenant.objects.get_for(request.access, "tenant:view", act="tenant:manage", pk=pk)
    if tenant.parent_id is not None:
        services.require_above(tenant, access=request.access)
    return tenant


def _context(request: PortalRequest, tenant: Tenant) -> dict[str, object]:
    return {"tenant": tenant, "ancestors": [*list_visible_above(request.access, tenant), tenant]}


def _posted(request: PortalRequest) -> QueryDict | None:
    """What was sent; a form of boxes nobody ticked is sent empty, and sent all the same."""
    return request.POST if request.method == "POST" else None


def _go_on(tenant: Tenant, operation: object) -> HttpResponse:
    if operation:
        return redirect("operations:operation-detail", operation.pk)  # type: ignore[attr-defined]
    return redirect("tenants:tenant-detail", tenant.pk)


def _tell(form: forms.Form, error: ValidationError) -> None:
    """Say a refusal at its field, or above the form where the form has no such field."""
    by_field = error.error_dict if hasattr(error, "error_dict") else {"": error.error_list}
    for field, errors in by_field.items():
        form.add_error(field if field in form.fields else None, errors)
