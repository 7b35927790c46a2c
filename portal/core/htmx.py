"""One URL, two answers: the page, or the part of it that htmx asked for."""

from collections.abc import Mapping
from typing import Any

import msgspec
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers
from django_htmx.http import HttpResponseClientRedirect

from portal.core.access import PortalRequest


def wants_partial(request: PortalRequest) -> bool:
    """Whether htmx will swap the answer into a page: not boosted, not a history restore."""
    return bool(request.htmx) and not request.htmx.boosted and not request.htmx.history_restore_request


def render_page(
    request: PortalRequest,
    page: str,
    partial: str,
    context: Mapping[str, Any],
    *,
    status: int = 200,
) -> HttpResponse:
    """Render `partial` for an htmx swap and `page` for everything else."""
    template = partial if wants_partial(request) else page
    response = render(request, template, dict(context), status=status)
    patch_vary_headers(response, ["HX-Request", "HX-Boosted", "HX-History-Restore-Request"])
    return response


def go_to(request: PortalRequest, url: str) -> HttpResponse:
    """Send the browser to another page, also from a form that htmx posted."""
    return HttpResponseClientRedirect(url) if request.htmx else redirect(url)


def trigger(response: HttpResponse, **events: Any) -> HttpResponse:
    """Add events to `HX-Trigger`; underscores in names become dashes (`job_changed=...`)."""
    held = msgspec.json.decode(response.get("HX-Trigger", "{}"))
    held |= {name.replace("_", "-"): detail for name, detail in events.items()}
    response["HX-Trigger"] = msgspec.json.encode(held).decode()
    return response


def toast(response: HttpResponse, text: str, *, level: str = "success", undo_url: str = "") -> HttpResponse:
    """Show a toast on the page that asked. Levels: success, info, warning, danger."""
    return trigger(response, toast={"text": text, "level": level, "undo_url": undo_url})
