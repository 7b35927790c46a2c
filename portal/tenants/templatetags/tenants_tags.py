"""What every page shows of the tenant tree."""

from typing import Any

from django import template

from portal.tenants.selectors import name_of_only_tenant

register = template.Library()


@register.inclusion_tag("tenants/_tenant_switcher.html", takes_context=True)
def tenant_switcher(context: template.Context) -> dict[str, Any]:
    """Whose data the pages show; nothing to choose for who reaches one Tenant only."""
    request = context["request"]
    return {"current": request.tenant, "only": name_of_only_tenant(request.whole_access), "request": request}
