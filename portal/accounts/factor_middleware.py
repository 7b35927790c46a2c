"""Asks for missing second factors before anything else."""

from collections.abc import Callable
from typing import Any, Final, cast

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse

from portal.accounts.second_factor import is_missing
from portal.core.access import PortalRequest
from portal.core.htmx import go_to

OPEN_WITHOUT_FACTOR: Final = {
    "accounts:factor-needed",
    "account_logout",
    "account_reauthenticate",
    "mfa_reauthenticate",
    "mfa_reauthenticate_webauthn",
    "mfa_activate_totp",
    "mfa_add_webauthn",
    "mfa_view_recovery_codes",
}
"""What somebody needs to set up a second factor."""


class SecondFactorMiddleware:
    """Leads who must have a second factor, and has none, to setting one up; nothing else is reachable.

    Open are the pages that do it, those that prove who it is, sign-out, and what anyone may see.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        match = request.resolver_match
        if (
            not request.user.is_authenticated
            or getattr(view, "permission", "") == "public"
            or (match and match.view_name in OPEN_WITHOUT_FACTOR)
            or not is_missing(request.user, request.session)
        ):
            return None
        if not request.accepts("text/html"):
            return JsonResponse({"problem": "Set up a second factor first."}, status=403)
        return go_to(cast(PortalRequest, request), reverse("accounts:factor-needed"))
