"""What is different below /api/v1/: no cookie counts, and what breaks is told as a problem."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Final

import structlog
from django.http import HttpRequest, HttpResponse

from portal.api.problems import Problem

PREFIX: Final = "/api/v1/"

log = structlog.get_logger(__name__)


class TokenOnlyMiddleware:
    """Takes cookies away from requests to the API, so that neither a session nor a switcher is honoured."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path.startswith(PREFIX):
            request.COOKIES = {}
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Say in the API's own words that the portal failed."""
        if not request.path.startswith(PREFIX):
            return None
        log.error("api.failed", path=request.path, exc_info=exception)
        return Problem(
            HTTPStatus.INTERNAL_SERVER_ERROR,
            "failed",
            "The portal failed at this request. It is in its log.",
            "Try again; if it stays so, tell whoever runs the portal the time and the address.",
        ).response()
