"""Pages about roles: the built-in ones, those that tenants made, and their editor."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from portal.accounts import roles, selectors
from portal.accounts.errors import RoleChanged, RoleRefused
from portal.accounts.forms_roles import CustomRoleForm, RoleTenantForm
from portal.accounts.models import CustomRole
from portal.accounts.reauthentication import recently_authenticated
from portal.core.access import PERMISSIONS, PortalRequest, requires
from portal.tenants.models import Tenant


@require_safe
@requires("person:view")
def role_list(request: PortalRequest) -> HttpResponse:
    """Roles that tenants made, and what each built-in role allows."""
    context = {
        "roles": selectors.list_custom_roles(request.access),
        "built_in": selectors.built_in_roles(),
        "can_make": bool(request.access.tenants_with("person:manage")),
    }
    return render(request, "accounts/role_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@requires("person:manage")
@recently_authenticated
def role_create(request: PortalRequest) -> HttpResponse:
    """Make a role for a tenant. The tenant is chosen first: it decides what can be put into the role."""
    asked = request.POST or request.GET
    chooser = RoleTenantForm(asked if "tenant" in asked else None, access=request.access)
    tenant: Tenant | None = selectors.first_managed(request.access)
    if chooser.is_bound and chooser.is_valid():
        tenant = chooser.cleaned_data["tenant"]
    assert tenant is not None  # noqa: S101  (who passes `requires` manages one)
    data = request.POST if request.method == "POST" else None
    initial = {"name": request.GET.get("name"), "permissions": request.GET.getlist("permissions")}
    form = CustomRoleForm(data, access=request.access, tenant=tenant, initial=initial)
    if request.method == "POST" and form.is_valid() and chooser.is_valid():
        try:
            role = roles.make_role(
                tenant=tenant,
                name=form.cleaned_data["name"],
                permissions=form.cleaned_data["permissions"],
                access=request.access,
                actor=request.user,
            )
        except RoleRefused as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, f"{role} is there. Give it on a person’s page, or invite with it.")
            return redirect("accounts:role-list")
    context = {"form": form, "chooser": chooser, "tenant": tenant}
    status = 422 if form.errors or chooser.errors else 200
    return render(request, "accounts/role_create.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@requires("person:view")
def role_detail(request: PortalRequest, pk: int) -> HttpResponseBase:
    """One role of a tenant: what it allows and who holds it; POST changes it."""
    if request.method == "POST":
        return _role_edit(request, pk)
    role = selectors.list_custom_roles(request.access).get_for(request.access, "person:view", pk=pk)
    form = CustomRoleForm(access=request.access, tenant=role.tenant, initial=CustomRoleForm.initial_of(role))
    return _role_page(request, role, form)


@requires("person:manage")
@recently_authenticated
def _role_edit(request: PortalRequest, pk: int) -> HttpResponseBase:
    role = _role(request, pk)
    form = CustomRoleForm(request.POST, access=request.access, tenant=role.tenant)
    changes: list[str] = []
    if form.is_valid():
        try:
            roles.edit_role(
                role,
                name=form.cleaned_data["name"],
                permissions=form.cleaned_data["permissions"],
                version=form.cleaned_data["version"],
                access=request.access,
                actor=request.user,
            )
        except RoleRefused as refused:
            form.add_error(None, str(refused))
        except RoleChanged as changed:
            form, changes = _form_again(request, form, changed)
        else:
            messages.success(request, "Saved. Whoever holds it has it at once.")
            return redirect("accounts:role-detail", role.pk)
    return _role_page(request, role, form, changes=changes, status=422)


@require_http_methods(["GET", "HEAD", "POST"])
@requires("person:manage")
@recently_authenticated
def role_delete(request: PortalRequest, pk: int) -> HttpResponse:
    """Delete a role that nobody holds; else say who does."""
    role = _role(request, pk)
    problem = ""
    if request.method == "POST":
        try:
            roles.delete_role(role, access=request.access, actor=request.user)
        except RoleRefused as refused:
            problem = str(refused)
        else:
            messages.success(request, f"The role {role} is deleted.")
            return redirect("accounts:role-list")
    context = {"role": role, "problem": problem, **selectors.seen_holders(request.access, role)}
    return render(request, "accounts/role_delete.html", context, status=422 if problem else 200)


def _role(request: PortalRequest, pk: int) -> CustomRole:
    rows = selectors.list_custom_roles(request.access)
    return rows.get_for(request.access, "person:view", act="person:manage", pk=pk)


def _form_again(
    request: PortalRequest, form: CustomRoleForm, changed: RoleChanged
) -> tuple[CustomRoleForm, list[str]]:
    """What was typed, on top of the role as it is now, and what somebody else changed in between."""
    role: CustomRole = changed.role
    now = roles.RoleText.of(role)
    data = request.POST.copy()
    data["version"] = str(role.version)
    data["seen_name"], data["seen_permissions"] = now.name, " ".join(now.permissions)
    again = CustomRoleForm(data, access=request.access, tenant=role.tenant)
    again.add_error(
        None, f"{changed} Your own changes are still here and not stored; save again to put them on top."
    )
    return again, form.seen().changes_to(now)


def _role_page(
    request: PortalRequest,
    role: CustomRole,
    form: CustomRoleForm,
    *,
    changes: list[str] | None = None,
    status: int = 200,
) -> HttpResponse:
    locked = [PERMISSIONS[name] for name in PERMISSIONS if name in role.granted & form.missing]
    can_manage = request.access.allows("person:manage", tenant_id=role.tenant_id)
    context: dict[str, Any] = {
        "role": role,
        "form": form,
        "changes": changes or [],
        "locked": locked,
        "can_edit": can_manage and not locked,
        "can_manage": can_manage,
        **selectors.seen_holders(request.access, role),
    }
    return render(request, "accounts/role_detail.html", context, status=status)
