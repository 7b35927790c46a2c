"""A person chooses that a server is heard by webhook alone, or by its event stream again."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from portal.audit.services import ip_of
from portal.core.access import PortalRequest, requires
from portal.core.htmx import toast, trigger
from portal.live.stream_choice import ChoiceRefused, hear_by_webhook, open_again
from portal.live.webhook_views import webhook_page
from portal.servers.models import CometServer


@require_POST
@requires("server:link")
def stream_close(request: PortalRequest, pk: int) -> HttpResponse:
    """Hear a server by its webhook alone."""
    server = _server(request, pk)
    try:
        hear_by_webhook(server, user=request.user, ip=ip_of(request))
    except ChoiceRefused as refused:
        if request.htmx:
            response = HttpResponse(status=422, headers={"HX-Reswap": "none"})
            return toast(trigger(response, stream_chosen=True), str(refused), level="warning")
        return webhook_page(request, server, problem=str(refused))
    text = f"{server.name} is heard by its webhook alone now."
    return _answer(request, text, "live:webhook-detail", server, undo="live:stream-open")


@require_POST
@requires("server:link")
def stream_open(request: PortalRequest, pk: int) -> HttpResponse:
    """Follow a server's event stream again, beside its webhook."""
    server = _server(request, pk)
    if open_again(server.pk, user=request.user, ip=ip_of(request)):
        text, undo = f"The event stream of {server.name} is being opened.", "live:stream-close"
    else:
        text, undo = f"The event stream of {server.name} was not off.", ""
    return _answer(request, text, "servers:server-detail", server, undo=undo)


def _server(request: PortalRequest, pk: int) -> CometServer:
    return CometServer.objects.get_for(request.access, "server:view", act="server:link", pk=pk)


def _answer(request: PortalRequest, text: str, where: str, server: CometServer, *, undo: str) -> HttpResponse:
    if not request.htmx:
        messages.success(request, text)
        return redirect(where, server.pk)
    undo_url = reverse(undo, args=[server.pk]) if undo else ""
    return toast(trigger(HttpResponse(status=204), stream_chosen=True), text, undo_url=undo_url)
