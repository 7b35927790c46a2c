"""The tenant switcher."""

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from portal.core.access import PortalRequest, signed_in, while_viewing
from portal.tenants import selectors
from portal.tenants.switching import choose_tenant


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
