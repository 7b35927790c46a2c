"""What every page shows of the tenant tree."""

from typing import Any

from django import template

from portal.core.access import EVERYTHING
from portal.tenants.selectors import get_tenant

register = template.Library()


@register.inclusion_tag("tenants/_tenant_switcher.html", takes_context=True)
def tenant_switcher(context: template.Context) -> dict[str, Any]:
    """Whose data the pages show; nothing to choose for who reaches one Tenant only."""
    request = context["request"]
    reach = request.whole_access.reach()
    only = None
    if reach is not EVERYTHING and len(reach) == 1:
        only = get_tenant(next(iter(reach)))
    return {"current": request.tenant, "only": only, "request": request}
