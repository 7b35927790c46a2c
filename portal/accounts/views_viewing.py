"""Starts and ends viewing the portal as somebody else."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from portal.accounts import selectors, viewing
from portal.accounts.errors import RoleRefused
from portal.accounts.forms_roles import ViewAsForm
from portal.audit.services import ip_of
from portal.core.access import PortalRequest, requires, signed_in
from portal.tenants.switching import choose_tenant


@require_http_methods(["GET", "HEAD", "POST"])
@requires("person:view-as")
def view_as(request: PortalRequest) -> HttpResponse:
    """Choose a role in a tenant to look at the portal as."""
    initial = {"tenant": request.GET.get("tenant"), "role": request.GET.get("role", "viewer")}
    form = ViewAsForm(request.POST or None, access=request.access, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            viewing.view_as_role(
                request.session,
                form.choice,
                form.cleaned_data["tenant"],
                access=request.access,
                actor=request.user,
                ip=ip_of(request),
            )
        except RoleRefused as refused:
            form.add_error(None, str(refused))
        else:
            choose_tenant(request, None)
            return redirect("overview:home")
    return render(request, "accounts/view_as.html", {"form": form}, status=422 if form.errors else 200)


@require_POST
@requires("person:view-as")
def view_as_person(request: PortalRequest, pk: int) -> HttpResponse:
    """Look at the portal as this person does."""
    person = selectors.get_person(request.access, pk)
    selectors.require_viewable(request.access, person)
    try:
        viewing.view_as_person(
            request.session, person, access=request.access, actor=request.user, ip=ip_of(request)
        )
    except RoleRefused as refused:
        messages.error(request, str(refused))
        return redirect("accounts:person-detail", person.pk)
    choose_tenant(request, None)
    return redirect("overview:home")


@require_POST
@signed_in
def view_as_stop(request: PortalRequest) -> HttpResponse:
    """See the portal as oneself again."""
    viewing.stop_viewing(request.session, user=request.user, because="stopped by hand")
    choose_tenant(request, None)
    return redirect("overview:home")
