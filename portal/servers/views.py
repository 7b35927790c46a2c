"""Pages of linked Comet Servers."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from portal.accounts.reauthentication import recently_authenticated
from portal.audit.services import ip_of
from portal.core.access import PortalRequest, requires
from portal.core.htmx import render_page
from portal.core.paging import keyset_page
from portal.servers import selectors, services
from portal.servers.errors import LinkRefused, TooManyTries
from portal.servers.forms import EditForm, LinkForm
from portal.servers.models import CometServer
from portal.servers.own_admins import list_own_admins

_SORTS = {"name": "name", "linked": "linked_at"}


@require_safe
@requires("server:view")
def server_list(request: PortalRequest) -> HttpResponse:
    """The linked servers the caller may see, with their freshness."""
    page = keyset_page(selectors.list_servers(request.access), request, sorts=_SORTS, default="name")
    context = {"page": page, "can_link": bool(request.access.tenants_with("server:link"))}
    return render_page(request, "servers/server_list.html", "servers/_server_table.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@requires("server:link")
def server_link(request: PortalRequest) -> HttpResponse:
    """The form that links a server. POST asks the server; nothing is stored unless it answers well."""
    form = LinkForm(request.POST or None, access=request.access)
    if request.method == "POST" and form.is_valid():
        try:
            server = services.link_server(**form.cleaned_data, user=request.user, ip=ip_of(request))
        except LinkRefused as refused:
            return _refused(request, "servers/server_link.html", {"form": form}, refused)
        else:
            messages.success(request, f"{server} is linked. Its first full sync has started.")
            return redirect("servers:server-detail", server.pk)
    return render(request, "servers/server_link.html", {"form": form}, status=422 if form.errors else 200)


def _refused(
    request: PortalRequest, template: str, context: dict[str, Any], refused: LinkRefused
) -> HttpResponse:
    """The form again, with what is wrong at its field; 429 where addresses were tried too often."""
    context["form"].add_error(refused.field, refused.message)
    response = render(request, template, context, status=422)
    if isinstance(refused, TooManyTries):
        response.status_code = 429
        response["Retry-After"] = str(refused.seconds)
    return response


@require_safe
@requires("server:view")
def server_detail(request: PortalRequest, pk: int) -> HttpResponse:
    """One server: freshness, organizations and where they are placed, what was done with it."""
    server = selectors.get_server(request.access, pk)
    context = {
        "server": server,
        "facts": selectors.server_facts(server),
        "placed": selectors.list_placed_organizations(request.access, server),
        "operations": selectors.list_operations(request.access, server),
        "can": {
            verb: request.access.allows(permission, tenant_id=server.tenant_id)
            for verb, permission in _ACTIONS.items()
        },
    }
    return render_page(request, "servers/server_detail.html", "servers/_server_body.html", context)


_ACTIONS = {
    "sync": "server:sync",
    "change": "server:link",
    "open": "server:admin",
    "open_organization": "sso:tenant",
    "place": "tenant:manage",
}


@require_http_methods(["GET", "HEAD", "POST"])
@requires("server:link")
@recently_authenticated
def server_edit(request: PortalRequest, pk: int) -> HttpResponse:
    """Rename a server, change its addresses, give it a new credential."""
    server = selectors.get_server(request.access, pk, act="server:link")
    form = EditForm(request.POST or None, server=server, initial=_as_typed(server))
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            services.edit_server(
                server=server,
                name=given["name"],
                api_url=given["api_url"],
                browser_url=given["browser_url"],
                credential=form.credential(),
                own_admin=given["own_admin"],
                user=request.user,
                ip=ip_of(request),
            )
        except LinkRefused as refused:
            return _refused(request, "servers/server_edit.html", {"server": server, "form": form}, refused)
        else:
            messages.success(request, "Saved.")
            return redirect("servers:server-detail", server.pk)
    context = {"server": server, "form": form}
    return render(request, "servers/server_edit.html", context, status=422 if form.errors else 200)


def _as_typed(server: CometServer) -> dict[str, str]:
    return {
        "name": server.name,
        "api_url": server.api_url,
        "browser_url": server.browser_url if server.browser_url != server.api_url else "",
        "username": server.admin_username,
    }


@require_POST
@requires("server:sync")
def server_sync(request: PortalRequest, pk: int) -> HttpResponse:
    """Start a full sync, or lead to the one under way."""
    server = selectors.get_server(request.access, pk, act="server:sync")
    operation = services.start_sync(server=server, user=request.user, ip=ip_of(request))
    return redirect("operations:operation-detail", operation.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@requires("server:link")
@recently_authenticated
def server_unlink(request: PortalRequest, pk: int) -> HttpResponse:
    """Forget a server and what is mirrored from it, once its name was typed."""
    server = selectors.get_server(request.access, pk, act="server:link")
    error = ""
    if request.method == "POST":
        if request.POST.get("confirm_name", "").strip() == server.name:
            operation = services.unlink_server(server=server, user=request.user, ip=ip_of(request))
            return redirect("operations:operation-detail", operation.pk)
        error = f"That is not its name. Type {server.name} exactly."
    context = {
        "server": server,
        "error": error,
        "losses": selectors.count_mirrored(server),
        "own_admins": list_own_admins(server),
        "action": reverse("servers:server-unlink", args=[server.pk]),
    }
    return render(request, "servers/server_unlink.html", context, status=422 if error else 200)
