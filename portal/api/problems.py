"""What the API answers when it does not answer what was asked: `application/problem+json` (RFC 9457)."""

from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from django.http import HttpResponse
from msgspec import Meta

PROBLEM_JSON = "application/problem+json"


class ProblemBody(msgspec.Struct, rename={"next_step": "next"}, omit_defaults=True):
    """Why a request was not answered, and what to do next."""

    type: Annotated[str, Meta(description="Tells kinds of problems apart; stable.")]
    title: Annotated[str, Meta(description="The HTTP status in words.")]
    status: Annotated[int, Meta(description="The HTTP status.")]
    detail: Annotated[str, Meta(description="What went wrong, and why.")]
    next_step: Annotated[str, Meta(description="What to do next.")]
    parameter: Annotated[str | None, Meta(description="The parameter it is about, if it is about one.")] = (
        None
    )


class Problem(Exception):
    """Raised to answer a request with a problem."""

    def __init__(
        self,
        status: HTTPStatus,
        kind: str,
        detail: str,
        next_step: str,
        *,
        parameter: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.body = ProblemBody(
            f"urn:perihelion:problem:{kind}", status.phrase, status.value, detail, next_step, parameter
        )
        self.headers = headers or {}

    def response(self) -> HttpResponse:
        response = HttpResponse(
            msgspec.json.encode(self.body),
            content_type=PROBLEM_JSON,
            status=self.body.status,
            headers=self.headers,
        )
        response["Cache-Control"] = "no-store"
        return response


def not_found() -> Problem:
    """For what is not there, and for what is out of the token's reach alike."""
    return Problem(
        HTTPStatus.NOT_FOUND,
        "not-found",
        "There is nothing of that number that this token may see.",
        "Ask for the list, which holds what there is.",
    )


def no_address(path: str) -> Problem:
    return Problem(
        HTTPStatus.NOT_FOUND,
        "no-address",
        f"There is no address {path}.",
        "The page /api/ of this portal and /api/v1/openapi.json tell of all there are.",
    )


def bad_parameter(name: str, detail: str, next_step: str) -> Problem:
    return Problem(HTTPStatus.BAD_REQUEST, "bad-parameter", detail, next_step, parameter=name)


def unauthorized(kind: str, detail: str, next_step: str, **challenge: Any) -> Problem:
    """401; `challenge` goes into `WWW-Authenticate` (RFC 6750)."""
    said = ", ".join(['Bearer realm="Perihelion"', *(f'{key}="{value}"' for key, value in challenge.items())])
    return Problem(HTTPStatus.UNAUTHORIZED, kind, detail, next_step, headers={"WWW-Authenticate": said})
