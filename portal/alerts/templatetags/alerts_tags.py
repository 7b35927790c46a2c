"""What the shell shows of alerts."""

from typing import Any

from django import template

from portal.alerts.selectors import count_open
from portal.core.access import NO_ACCESS, Access

register = template.Library()


@register.inclusion_tag("alerts/_badge.html", takes_context=True)
def alert_badge(context: template.Context) -> dict[str, Any]:
    """How many alerts are open that this person may see; asks again when one turns. One query a page."""
    request = context.get("request")
    access: Access = getattr(request, "access", NO_ACCESS)
    held: int | None = getattr(request, "open_alerts", None)
    if held is None:
        held = count_open(access) if access.tenants_with("alert:view") else 0
        if request is not None:
            request.open_alerts = held
    return {"count": held}
