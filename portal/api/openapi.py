"""The OpenAPI 3.1 document, made of the addresses and the types that they answer with.

msgspec turns the types into JSON Schema, which OpenAPI 3.1 takes as it is; what stands here joins
them with the addresses.
"""

import re
from collections.abc import Iterator
from functools import cache
from http import HTTPStatus
from typing import Any, Final

import msgspec

from portal.api.endpoint import Endpoint
from portal.api.problems import PROBLEM_JSON, ProblemBody

REF: Final = "#/components/schemas/{name}"
VERSION: Final = "1.0"
ABOUT: Final = (
    "Reads Comet Servers, Devices and Jobs as the portal has them. Send an API token as"
    " `Authorization: Bearer phn_...`; it is worth its scope, where its owner holds it now. Lists come in"
    " pages: ask again with `cursor` set to `next_cursor` until that is null. Times are UTC, sizes bytes."
)
STATE: Final = "How a Job went, or how the worst of what a Device backs up stands."

_CONVERTER: Final = re.compile(r"<(?:\w+:)?(\w+)>")
_HEADERS: Final = {
    "ETag": {
        "description": "Send it as If-None-Match to get 304 while nothing changed.",
        "schema": {"type": "string"},
    }
}
_PROBLEMS: Final = {
    HTTPStatus.BAD_REQUEST: "A parameter cannot be used, or a token stands in the address.",
    HTTPStatus.UNAUTHORIZED: "No token was sent, or it lets nobody in: revoked, expired, not known.",
    HTTPStatus.FORBIDDEN: "The token does not allow this.",
    HTTPStatus.NOT_FOUND: "There is nothing of that number, or it is out of this token's reach.",
    HTTPStatus.METHOD_NOT_ALLOWED: "Only GET and HEAD are offered.",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many requests within a minute; Retry-After tells how long to wait.",
}


@cache
def document() -> dict[str, Any]:
    """The whole document. Do not change it."""
    endpoints = dict(_endpoints())
    _, components = msgspec.json.schema_components(
        [ProblemBody, *(kind for one in endpoints.values() for kind in (one.answer, one.query))],
        ref_template=REF,
    )
    queries = {one.query.__name__: components[one.query.__name__] for one in endpoints.values()}
    schemas = {name: schema for name, schema in components.items() if name not in queries}
    schemas["State"]["description"] = STATE
    schemas["State"]["type"] = "string"
    return {
        "openapi": "3.1.0",
        "info": {"title": "Perihelion API", "version": VERSION, "description": ABOUT},
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": {
            _path(route): {"get": _operation(route, one, queries[one.query.__name__])}
            for route, one in endpoints.items()
        },
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "An API token: `phn_...`"}
            },
        },
    }


def _endpoints() -> Iterator[tuple[str, Endpoint]]:
    """Each route with what is said of it."""
    from portal.api.urls import urlpatterns  # which imports the view that shows this document

    for pattern in urlpatterns:
        described = getattr(pattern.callback, "endpoint", None)
        if described is not None:
            yield str(pattern.pattern), described


def _path(route: str) -> str:
    return "/" + _CONVERTER.sub(r"{\1}", route)


def _operation(route: str, one: Endpoint, query: dict[str, Any]) -> dict[str, Any]:
    named = _CONVERTER.findall(route)
    parameters = [_named(name) for name in named] + [
        _asked(name, schema) for name, schema in query["properties"].items()
    ]
    problems = [status for status in _PROBLEMS if status is not HTTPStatus.NOT_FOUND or named]
    return {
        "operationId": one.name,
        "summary": one.summary,
        "description": f"{one.description} The token must allow `{one.permission}`.",
        "tags": [one.name.partition("_")[0].capitalize() + "s"],
        "parameters": parameters,
        "responses": {
            "200": {
                "description": "As asked.",
                "headers": _HEADERS,
                "content": {"application/json": {"schema": {"$ref": REF.format(name=one.answer.__name__)}}},
            },
            "304": {"description": "Nothing changed since the ETag that was sent."},
            **{str(status.value): _problem(status) for status in problems},
        },
    }


def _named(name: str) -> dict[str, Any]:
    schema = {"type": "integer", "minimum": 0}
    about = "Its number in the portal."
    return {"name": name, "in": "path", "required": True, "description": about, "schema": schema}


def _asked(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter of the query string; there is no way to send null there, so that is left out."""
    default = schema.get("default")
    (held,) = [one for one in schema.get("anyOf", [schema]) if one.get("type") != "null"]
    held = dict(held)
    parameter = {"name": name, "in": "query", "description": held.pop("description")}
    return {**parameter, "schema": held if default is None else {**held, "default": default}}


def _problem(status: HTTPStatus) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "description": _PROBLEMS[status],
        "content": {PROBLEM_JSON: {"schema": {"$ref": REF.format(name="ProblemBody")}}},
    }
    if status is HTTPStatus.TOO_MANY_REQUESTS:
        about = {"description": "Seconds.", "schema": {"type": "integer"}}
        answer["headers"] = {"Retry-After": about}
    return answer
