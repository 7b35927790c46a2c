"""Where Comet Servers post their events, and the page on which that is set up."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from comet.webhooks import BadWebhook, read_webhook
from portal.accounts.reauthentication import recently_authenticated
from portal.audit.services import ip_of
from portal.core.access import PortalRequest, public, requires
from portal.core.body_limits import LONGER
from portal.core.encryption import SecretUnreadable
from portal.core.htmx import render_page
from portal.core.refusals import note_refusal
from portal.live import inbox, webhooks
from portal.live.fences import Fenced
from portal.live.models import WebhookIntake
from portal.live.relay_status import BY_WEBHOOK
from portal.live.stream_choice import doubt_of
from portal.servers.models import CometServer

MAX_BYTES: Final = LONGER["/hooks/comet/"]


def refusals_counted(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Count what is refused and say it once a minute. Nothing that a stranger sends is stored."""

    @wraps(view)
    def counted(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        answer = view(request, *args, **kwargs)
        if 400 <= answer.status_code < 500:
            note_refusal("webhook", str(answer.status_code), ip=ip_of(request), why=answer.reason_phrase)
        return answer

    return counted


@csrf_exempt
@never_cache
@refusals_counted
@require_POST
@public
def webhook_receive(request: HttpRequest, key: UUID) -> HttpResponse:
    """One event by POST. 200 once it is stored, 503 when it could not be, 4xx for what never can be."""
    if request.headers.get("Content-Encoding", "identity") != "identity":
        return _refused("the body is compressed", 415)
    if int(request.headers.get("Content-Length") or 0) > MAX_BYTES:
        return _refused("the body is too long", 413)
    try:
        intake = WebhookIntake.objects.select_related("server").filter(key=key).first()
        if intake is None:
            return _refused("nobody is known under this address", 404)
        required = {webhooks.SECRET_HEADER: webhooks.secret_of(intake)}
        body = request.read(MAX_BYTES + 1)
        webhook = read_webhook(body, request.headers, required_headers=required, max_bytes=MAX_BYTES)
        inbox.keep(intake, webhook, timezone.now())
    except BadWebhook as bad:
        return _refused(bad.message, bad.http_status or 400)
    except (Fenced, IntegrityError):
        return _refused("the server is not linked any more", 404)
    except (OperationalError, InterfaceError, SecretUnreadable, LookupError) as error:
        note_refusal("webhook", "503", key=str(key), error=type(error).__name__)
        return HttpResponse("Not stored. Send it again.", status=503, content_type="text/plain")
    return HttpResponse("Stored.", content_type="text/plain")


def _refused(why: str, status: int) -> HttpResponse:
    return HttpResponse(f"Refused: {why}.", status=status, content_type="text/plain")


@require_safe
@requires("server:link")
def webhook_detail(request: PortalRequest, pk: int) -> HttpResponse:
    """How a server posts its events here: state, address, and what can be done."""
    return webhook_page(request, _server(request, pk))


def webhook_page(request: PortalRequest, server: CometServer, *, problem: str = "") -> HttpResponse:
    """The page of a server's webhook; with a `problem`, why what was asked for was not done."""
    intake = WebhookIntake.objects.filter(server=server).first()
    context = {
        "server": server,
        "intake": intake,
        "header": webhooks.SECRET_HEADER,
        "doubt": doubt_of(server, intake),
        "by_webhook": BY_WEBHOOK,
        "problem": problem,
    }
    status = 422 if problem else 200
    return render_page(request, "live/webhook_detail.html", "live/_webhook_body.html", context, status=status)


@require_POST
@requires("server:link")
def webhook_set_up(request: PortalRequest, pk: int) -> HttpResponse:
    """Tell the server to post here."""
    server = _server(request, pk)
    address = _address(request, webhooks.intake_of(server))
    return _started(request, webhooks.SET_UP, server, address)


@require_POST
@requires("server:link")
def webhook_check(request: PortalRequest, pk: int) -> HttpResponse:
    """See whether what a server posts arrives."""
    return _started(request, webhooks.CHECK, _server(request, pk))


@require_POST
@requires("server:link")
def webhook_remove(request: PortalRequest, pk: int) -> HttpResponse:
    """Tell the server to post here no more."""
    return _started(request, webhooks.REMOVE, _server(request, pk))


@require_POST
@requires("server:link")
@recently_authenticated
def webhook_renew(request: PortalRequest, pk: int) -> HttpResponse:
    """Make another secret, and tell the server."""
    server = _server(request, pk)
    webhooks.renew_secret(server, user=request.user, ip=ip_of(request))
    return _started(request, webhooks.SET_UP, server, _address(request, webhooks.intake_of(server)))


def _server(request: PortalRequest, pk: int) -> CometServer:
    return CometServer.objects.get_for(request.access, "server:view", act="server:link", pk=pk)


def _address(request: PortalRequest, intake: WebhookIntake) -> str:
    return request.build_absolute_uri(reverse("live:webhook-receive", args=[intake.key]))


def _started(request: PortalRequest, kind: str, server: CometServer, address: str = "") -> HttpResponse:
    operation = webhooks.start(kind, server=server, address=address, user=request.user, ip=ip_of(request))
    return redirect("operations:operation-detail", operation.pk)
