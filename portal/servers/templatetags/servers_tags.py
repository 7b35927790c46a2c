"""What every page says of Comet Servers."""

from typing import Any

from django import template

from portal.core.access import NO_ACCESS
from portal.servers.selectors import freshness

register = template.Library()


@register.inclusion_tag("servers/_freshness_pill.html", takes_context=True)
def freshness_pill(context: template.Context) -> dict[str, Any]:
    """How fresh the data is that this person sees; see servers/_freshness_pill.html."""
    request = context.get("request")
    found = freshness(getattr(request, "access", NO_ACCESS))
    return {
        "stale": found.stale,
        "total": found.total,
        "live": found.live,
        "by_webhook": found.by_webhook,
        "may_list": found.may_list,
    }
