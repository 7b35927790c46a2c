"""Pages about people: who they are, what they may do, how they get in."""

from typing import Final

from django.contrib import messages
from django.contrib.auth import login
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from portal.accounts import selectors, services
from portal.accounts.errors import InvitationUnusable, RoleRefused
from portal.accounts.forms import AcceptForm, InviteForm, PersonFilterForm, SettingsForm
from portal.accounts.mail import mail_is_sent, send_invitation
from portal.accounts.models import Invitation
from portal.accounts.reauthentication import recently_authenticated
from portal.core.access import PortalRequest, public, requires, signed_in
from portal.core.htmx import render_page
from portal.core.paging import beginning, keyset_page

FIRST_INVITATIONS: Final = 10


@require_safe
@requires("person:view")
def person_list(request: PortalRequest) -> HttpResponse:
    """People with a role in the caller's Tenants, and the invitations that are open."""
    form = PersonFilterForm(request.GET)
    if form.is_valid():
        people = selectors.list_people(
            request.access,
            text=form.cleaned_data["q"],
            role=form.cleaned_data["role"],
            without_factor=form.cleaned_data["without_factor"],
        )
    else:
        people = selectors.list_people(request.access).none()
    context = {
        "form": form,
        "page": keyset_page(people, request, sorts={"name": "name", "email": "email"}, default="name"),
        "invitations": beginning(selectors.list_open_invitations(request.access), FIRST_INVITATIONS),
        "can_manage": bool(request.access.tenants_with("person:manage")),
        "can_view_as": bool(request.access.tenants_with("person:view-as")),
    }
    status = 422 if form.errors else 200
    return render_page(
        request, "accounts/person_list.html", "accounts/_person_table.html", context, status=status
    )


@require_safe
@requires("person:view")
def invitation_list(request: PortalRequest) -> HttpResponse:
    """Every invitation that can still be accepted, newest first."""
    invitations = selectors.list_open_invitations(request.access)
    page = keyset_page(invitations, request, sorts={"made": "created_at"}, default="-made")
    context = {"page": page, "can_manage": bool(request.access.tenants_with("person:manage"))}
    return render_page(request, "accounts/invitation_list.html", "accounts/_invitation_table.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@requires("person:manage")
@recently_authenticated
def person_invite(request: PortalRequest) -> HttpResponse:
    """Invite somebody; the answer shows the link once."""
    form = InviteForm(
        request.POST or None, access=request.access, initial={"tenant": request.GET.get("tenant")}
    )
    if request.method == "POST" and form.is_valid():
        try:
            invitation, token = services.invite(
                **form.cleaned_data, access=request.access, invited_by=request.user
            )
        except RoleRefused as refused:
            form.add_error("role", str(refused))
        else:
            link = request.build_absolute_uri(reverse("accounts:invitation-accept", args=[token]))
            mailed = send_invitation(invitation, link)
            context = {
                "invitation": invitation,
                "link": link,
                "mailed": mailed,
                "mail_is_sent": mail_is_sent(),
            }
            response = render(request, "accounts/invitation_made.html", context)
            response["Cache-Control"] = "no-store"
            return response
    status = 422 if form.errors else 200
    return render(request, "accounts/person_invite.html", {"form": form}, status=status)


@require_POST
@requires("person:manage")
def invitation_revoke(request: PortalRequest, pk: int) -> HttpResponse:
    """Make an invitation's link useless."""
    invitation = Invitation.objects.get_for(request.access, "person:view", act="person:manage", pk=pk)
    services.revoke_invitation(invitation, actor=request.user)
    messages.success(request, "The invitation cannot be used any more.")
    return redirect("accounts:person-list")


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
@public
def invitation_accept(request: PortalRequest, token: str) -> HttpResponse:
    """What an invitation's link opens: name and password, then signed in."""
    try:
        invitation = services.get_invitation(token)
    except InvitationUnusable as unusable:
        services.note_unusable(token, unusable)
        return render(request, "accounts/invitation_unusable.html", {"problem": str(unusable)}, status=410)
    if request.user.is_authenticated:
        return _accept_as_oneself(request, invitation, token)
    form = AcceptForm(request.POST or None, fixed_email=invitation.email)
    if request.method == "POST" and form.is_valid():
        try:
            user = services.accept_invitation(token, **{"email": "", **form.cleaned_data})
        except InvitationUnusable as unusable:
            services.note_unusable(token, unusable)
            form.add_error(None, str(unusable))
        else:
            login(request, user)
            return redirect("overview:home")
    context = {"form": form, "invitation": invitation}
    status = 422 if form.errors else 200
    return render(request, "accounts/invitation_accept.html", context, status=status)


def _accept_as_oneself(request: PortalRequest, invitation: Invitation, token: str) -> HttpResponse:
    """Somebody who is signed in adds the role to those he has."""
    is_for_me = invitation.email in ("", request.user.email)
    if request.method == "POST" and is_for_me:
        try:
            services.accept_as(request.user, token)
        except InvitationUnusable as unusable:
            services.note_unusable(token, unusable)
            problem = {"problem": str(unusable)}
            return render(request, "accounts/invitation_unusable.html", problem, status=410)
        messages.success(request, f"You are {invitation.role_name} of {invitation.tenant} now.")
        return redirect("overview:home")
    context = {"form": None, "invitation": invitation, "is_for_me": is_for_me}
    status = 403 if request.method == "POST" else 200
    return render(request, "accounts/invitation_accept.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def settings(request: PortalRequest) -> HttpResponse:
    """A person's own name, time zone, theme and roles."""
    form = SettingsForm(request.POST or None, instance=request.user)
    if request.method == "POST" and form.is_valid():
        services.change_settings(request.user)
        messages.success(request, "Saved.")
        return redirect("accounts:settings")
    roles = request.user.memberships.select_related("tenant", "custom_role").order_by("tenant__path")
    context = {"form": form, "memberships": roles}
    return render(request, "accounts/settings.html", context, status=422 if form.errors else 200)
