"""Asks people to prove again who they are before something dangerous.

A sign-in counts as a proof; so does a password, code or security key given to django-allauth's
pages, which ask. What was typed into a form is kept meanwhile, sealed, in the person's session.
"""

import secrets
import time
from dataclasses import dataclass
from functools import wraps
from typing import Any, Final, Self
from urllib.parse import urlencode, urlsplit

from allauth.account.internal.flows.login import get_authentication_records
from allauth.account.internal.flows.reauthentication import get_reauthentication_flows
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse

from portal.accounts.sessions import PROVED_AT, SIGNED_IN_AT
from portal.core.access import P, PortalRequest, View
from portal.core.encryption import Secret, SecretUnreadable
from portal.core.htmx import go_to

KEPT: Final = "form_kept"
KEPT_FIELD: Final = "kept_form"
KEEP_BYTES: Final = 64_000
KEEP_SECONDS: Final = 900


def recently_authenticated(view: View[P]) -> View[P]:
    """Let only those pass who proved within the last ten minutes who they are; ask others first.

    They come back to where they were. A form that was sent meanwhile is kept and sent with one more
    click; where it cannot be kept (htmx, files, very long) the page says that nothing was done.
    """

    @wraps(view)
    def guarded(request: PortalRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not is_recent(request):
            return _ask(request)
        if request.method == "POST" and KEPT_FIELD in request.POST:
            kept = KeptForm.take(request)
            fields = kept.fields() if kept and kept.path == request.get_full_path() else None
            if fields is None:
                messages.warning(request, "What you had typed is not kept any more. Type it again.")
                return redirect(request.get_full_path())
            request.POST = fields  # type: ignore[assignment]
        return view(request, *args, **kwargs)

    return guarded


def is_recent(request: HttpRequest) -> bool:
    """Whether the last proof of who this is was given within ACCOUNT_REAUTHENTICATION_TIMEOUT."""
    if not request.user.is_authenticated:
        return False
    records = get_authentication_records(request, request.user)
    again = [record["at"] for record in records if record.get("reauthenticated")]
    return _is_fresh(max([request.session.get(PROVED_AT, 0), *again]))


def cannot_prove(request: HttpRequest) -> bool:
    """Whether this person has just come from the provider, which vouches for no fresh proof, and has
    nothing else to prove himself with: asking again would lead nowhere."""
    return (
        not is_recent(request)
        and _is_fresh(request.session.get(SIGNED_IN_AT, 0))
        and not get_reauthentication_flows(request.user)
    )


def _is_fresh(at: float) -> bool:
    return time.time() - at < settings.ACCOUNT_REAUTHENTICATION_TIMEOUT


@dataclass(frozen=True)
class KeptForm:
    """A form that waits for a proof. Its fields are sealed: they may hold secrets."""

    path: str
    nonce: str
    sealed: str
    at: float

    @classmethod
    def keep(cls, request: HttpRequest) -> bool:
        """Keep what was sent; False where it cannot be."""
        body = request.POST.urlencode()
        if request.FILES or len(body) > KEEP_BYTES:
            return False
        try:
            sealed = Secret.seal(body).token
        except SecretUnreadable:
            return False
        kept = cls(request.get_full_path(), secrets.token_urlsafe(16), sealed, time.time())
        request.session[KEPT] = vars(kept)
        return True

    @classmethod
    def read(cls, request: HttpRequest) -> Self | None:
        """The form that waits in this session; None where there is none, or it waited for too long."""
        held = request.session.get(KEPT)
        if not held or time.time() - held["at"] > KEEP_SECONDS:
            return None
        return cls(**held)

    @classmethod
    def take(cls, request: HttpRequest) -> Self | None:
        """The same, once, and only for who sends its nonce."""
        kept = cls.read(request)
        request.session.pop(KEPT, None)
        nonce = request.POST.get(KEPT_FIELD, "")
        return kept if kept and secrets.compare_digest(kept.nonce.encode(), nonce.encode()) else None

    def fields(self) -> QueryDict | None:
        """What was typed; None where no key opens it any more."""
        try:
            return QueryDict(Secret(self.sealed).reveal())
        except SecretUnreadable:
            return None


def _ask(request: PortalRequest) -> HttpResponse:
    if not request.accepts("text/html"):
        return JsonResponse({"problem": "Confirm first that it is you: reload this page."}, status=401)
    if cannot_prove(request):
        return go_to(request, reverse("accounts:proof-needed"))
    where = request.get_full_path()
    if request.htmx and not request.htmx.boosted:
        where = _page_of(request)
    if request.method == "POST":
        if not (request.htmx and not request.htmx.boosted) and KeptForm.keep(request):
            where = reverse("accounts:kept-form")
        else:
            messages.warning(request, "Nothing was done yet. Confirm that it is you, then do it again.")
    return go_to(request, f"{reverse('account_reauthenticate')}?{urlencode({'next': where})}")


def _page_of(request: PortalRequest) -> str:
    """The page on which htmx asked, on this host."""
    shown: Any = urlsplit(request.htmx.current_url or "")
    return f"{shown.path or '/'}{'?' + shown.query if shown.query else ''}"
