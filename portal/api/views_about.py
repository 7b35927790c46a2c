"""What tells of the API: the OpenAPI document, and the page made of it."""

import msgspec
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import conditional_page, require_safe

from portal.api.examples import list_addresses, python_example
from portal.api.openapi import document
from portal.core.access import PortalRequest, public, signed_in, while_viewing


@require_safe
@conditional_page
@public
def openapi(request: HttpRequest) -> HttpResponse:
    """The OpenAPI document: the same for everybody, and without anybody's data."""
    body = msgspec.json.format(msgspec.json.encode(document()), indent=2)
    return HttpResponse(body, content_type="application/json")


@require_safe
@signed_in
@while_viewing
def docs(request: PortalRequest) -> HttpResponse:
    """How the API is used, address by address."""
    root = request.build_absolute_uri("/").rstrip("/")
    context = {
        "addresses": list_addresses(root),
        "python": python_example(root),
        "by_token": settings.API_REQUESTS_A_MINUTE,
        "by_address": settings.API_REQUESTS_A_MINUTE_BY_ADDRESS,
    }
    return render(request, "api/docs.html", context)
