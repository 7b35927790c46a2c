"""Who can see a Device, and why."""

from typing import Final

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from portal.accounts.selectors import Sighting, list_tokens_seeing, who_reaches
from portal.core.access import PERMISSIONS, PortalRequest, requires
from portal.fleet import selectors

MOST: Final = 100
"""Lines of one list."""

TOLD: Final = ("job:view", "backup:run", "job:cancel", "sso:user")
"""What is said beside seeing, of a role that reaches a Device."""


@require_safe
@requires("device:view")
def device_people(request: PortalRequest, pk: int) -> HttpResponse:
    """Roles and API tokens that reach one Device, through which Tenant, and whom an exception keeps out."""
    access = request.access
    device = selectors.list_devices(access).get_for(access, "device:view", act="person:view", pk=pk)
    tenant = device.placement.tenant
    found = who_reaches(access, tenant, "device:view")
    lines = [
        {"sighting": one, "may": [PERMISSIONS[name] for name in TOLD if name in one.granted]}
        for one in found[:MOST]
    ]
    tokens = list_tokens_seeing(tenant.pk, "device:view", access=access)
    context = {
        "device": device,
        "tenant": tenant,
        "lines": lines,
        "people": _count(found),
        "more_lines": len(found) - len(lines),
        "tokens": tokens[:MOST],
        "more_tokens": max(0, len(tokens) - MOST),
    }
    return render(request, "fleet/device_people.html", context)


def _count(found: list[Sighting]) -> int:
    return len({one.membership.user_id for one in found if one.is_open})
