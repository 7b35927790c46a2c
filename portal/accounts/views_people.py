"""The page of one person: the roles held, and what is done about them."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from portal.accounts import memberships, selectors
from portal.accounts.errors import ExceptionsChanged, RoleRefused
from portal.accounts.forms_roles import ExceptForm, GiveRoleForm
from portal.accounts.grants import kept_out_of
from portal.accounts.models import Membership, User
from portal.accounts.reauthentication import recently_authenticated
from portal.core.access import Access, PortalRequest, requires


@require_safe
@requires("person:view")
def person_detail(request: PortalRequest, pk: int) -> HttpResponse:
    """One person, with the roles held where the caller sees people."""
    access = request.access
    person = selectors.get_person(access, pk)
    roles = selectors.list_roles_of(access, person)
    context = {
        "person": person,
        "roles": roles,
        "can_give": bool(access.tenants_with("person:manage")),
        "can_close": memberships.may_close(access, person),
        "can_view_as": person.is_active
        and person != request.user
        and any(access.allows("person:view-as", tenant_id=role.membership.tenant_id) for role in roles),
    }
    return render(request, "accounts/person_detail.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@requires("person:manage")
@recently_authenticated
def role_give(request: PortalRequest, pk: int) -> HttpResponse:
    """Give somebody another role."""
    person = selectors.get_person(request.access, pk)
    form = GiveRoleForm(
        request.POST or None, access=request.access, initial={"tenant": request.GET.get("tenant")}
    )
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        left_out = {*data["excluded"], *kept_out_of(request.access, data["tenant"])}
        try:
            given = memberships.give_role(
                person,
                tenant=data["tenant"],
                choice=data["role"],
                excluded=left_out,
                access=request.access,
                actor=request.user,
            )
        except RoleRefused as refused:
            form.add_error("role", str(refused))
        else:
            messages.success(request, f"{person} is {given.role_name} of {given.tenant} now.")
            return redirect("accounts:person-detail", person.pk)
    context = {"person": person, "form": form, "is_kept_out": selectors.is_kept_out(request.user)}
    return render(request, "accounts/role_give.html", context, status=422 if form.errors else 200)


@require_POST
@requires("person:manage")
@recently_authenticated
def membership_remove(request: PortalRequest, pk: int) -> HttpResponse:
    """Take a role away."""
    membership = _membership(request, pk)
    person = membership.user
    try:
        memberships.take_role(membership, access=request.access, actor=request.user)
    except RoleRefused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, f"{person} is no longer {membership.role_name} there.")
    if selectors.list_people(request.access).filter(pk=person.pk).exists():
        return redirect("accounts:person-detail", person.pk)
    return redirect("accounts:person-list")


@require_http_methods(["GET", "HEAD", "POST"])
@requires("person:manage")
@recently_authenticated
def membership_except(request: PortalRequest, pk: int) -> HttpResponse:
    """Choose the tenants below that a role does not reach."""
    membership = _membership(request, pk)
    form = _except_form(request, membership, request.POST if request.method == "POST" else None)
    changes: list[str] = []
    if request.method == "POST" and form.is_valid():
        try:
            memberships.exclude_tenants(
                membership,
                form.chosen(),
                seen=form.seen_ids(),
                access=request.access,
                actor=request.user,
            )
        except RoleRefused as refused:
            form.add_error("excluded", str(refused))
        except ExceptionsChanged as changed:
            form, changes = _except_form_again(request, membership, changed)
        else:
            messages.success(request, "Saved. Open pages follow at once.")
            return redirect("accounts:person-detail", membership.user_id)
    context = {"membership": membership, "form": form, "changes": changes}
    return render(request, "accounts/membership_except.html", context, status=422 if form.errors else 200)


def _except_form(request: PortalRequest, membership: Membership, data: Any) -> ExceptForm:
    now = memberships.exclusions_of(membership)
    return ExceptForm(data, access=request.access, membership=membership, now=now)


def _except_form_again(
    request: PortalRequest, membership: Membership, changed: ExceptionsChanged
) -> tuple[ExceptForm, list[str]]:
    """What was chosen, to be put in the place of what somebody else chose in between, and what that was."""
    changes = _except_form(request, membership, request.POST).changes_since()
    data = request.POST.copy()
    data["seen"] = _except_form(request, membership, None)["seen"].value()
    again = _except_form(request, membership, data)
    again.add_error(
        None, f"{changed} Your choice is still here and not stored; save again to put it in their place."
    )
    return again, changes


@require_POST
@requires("person:manage")
@recently_authenticated
def person_close(request: PortalRequest, pk: int) -> HttpResponse:
    """Let somebody sign in no more."""
    return _change(request, pk, memberships.close_sign_in, "can sign in no more. All sessions have ended.")


@require_POST
@requires("person:manage")
@recently_authenticated
def person_reopen(request: PortalRequest, pk: int) -> HttpResponse:
    """Let somebody whose sign-in was closed sign in again."""
    return _change(request, pk, memberships.reopen_sign_in, "can sign in again, with the roles shown here.")


def _change(request: PortalRequest, pk: int, change: Callable[..., None], done: str) -> HttpResponse:
    person = selectors.get_person(request.access, pk)
    _require_manages(request.access, person)
    try:
        change(person, access=request.access, actor=request.user)
    except RoleRefused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, f"{person} {done}")
    return redirect("accounts:person-detail", person.pk)


def _require_manages(access: Access, person: User) -> None:
    """403 where the caller manages nobody in any Tenant where this person is seen."""
    roles = selectors.list_roles_of(access, person)
    if not any(access.allows("person:manage", tenant_id=one.membership.tenant_id) for one in roles):
        access.require("person:manage", tenant_id=roles[0].membership.tenant_id)


def _membership(request: PortalRequest, pk: int) -> Membership:
    rows = selectors.list_memberships()
    return rows.get_for(request.access, "person:view", act="person:manage", pk=pk)
